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

# In a network of its own, where every port is free. The programs are built before, in one from which modules can be fetched.
cluster-scale: dist/outrigger.cjs ## Measures the operator with a thousand fake pods (docs/scale.md); ARGS=ROUNDS, 3 unless said.
	@for name in kubernetes kwok helm; do $(CLUSTER) binary $$name >/dev/null || exit 1; done
	@PATH="$(CURDIR)/node_modules/.bin:$$PATH:/usr/sbin:/sbin" unshare --map-root-user --net sh -c \
		'ip link set lo up && ip address add 10.243.0.1/32 dev lo && exec node test/cluster/scale.ts $(ARGS)'

test-cluster: $(INSTALLED) ## Runs the tests on a real cluster; ARGS=PATTERN for some.
	@$(CLUSTER) test $(ARGS)

.PHONY: cluster-up cluster-down cluster-kubectl cluster-image cluster-propagation cluster-scale test-cluster
