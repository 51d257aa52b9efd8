module outrigger.dev/test/cluster/tools/pause

go 1.24
