# A real Kubernetes on this machine, and the tests that need one: see test/cluster/README.md.
CLUSTER := PATH="$(CURDIR)/node_modules/.bin:$$PATH" node test/cluster/main.ts

cluster-up: $(INSTALLED) ## Starts a real Kubernetes on this machine and keeps it (root, Go, containerd).
	@$(CLUSTER) up

cluster-down: $(INSTALLED) ## Ends it, and leaves nothing behind.
	@$(CLUSTER) down

cluster-kubectl: $(INSTALLED) ## kubectl in it; ARGS="get pods -A".
	@$(CLUSTER) kubectl $(ARGS)

cluster-image: $(INSTALLED) ## Imports an image archive; TAR=FILE.
	@$(CLUSTER) image $(TAR)

cluster-propagation: $(INSTALLED) ## Measures how fast a change arrives, and writes docs/propagation.md.
	@$(CLUSTER) exec node test/cluster/propagation.ts $(ARGS)

test-cluster: $(INSTALLED) ## Runs the tests on a real cluster; ARGS=PATTERN for some.
	@$(CLUSTER) test $(ARGS)

.PHONY: cluster-up cluster-down cluster-kubectl cluster-image cluster-propagation test-cluster
