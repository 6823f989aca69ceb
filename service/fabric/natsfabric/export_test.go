package natsfabric

// Ports are the addresses that the server listens on in a cluster.
func (f *Fabric) Ports() (client, route string) {
	l := f.live.Load()
	return l.server.Addr().String(), l.server.ClusterAddr().String()
}
