package doctor

// iptables judges hosts where the kubelet and kube-proxy write to different tables of
// the kernel, as with a kube-proxy that brings another iptables than the host's: both
// then filter, and Services break in ways that look like the upgrade's doing.
func iptables(f Facts) []Finding {
	w := f.Firewall
	const remedy = "have kubelet and kube-proxy use the same kind (update-alternatives --config iptables, a kube-proxy image with iptables-wrappers), and restart the host to drop what is stale"
	switch {
	case w.Err != nil:
		return unknown("whether both kinds of iptables hold rules", w.Err, "compare iptables-legacy-save with iptables-nft-save")
	case w.Legacy > 0 && w.NFT > 0:
		return found(Warning, remedy, "iptables-legacy has %d chains of Kubernetes and iptables-nft %d: both filter", w.Legacy, w.NFT)
	case w.Mode == "legacy" && w.NFT > 0, w.Mode == "nf_tables" && w.Legacy > 0:
		return found(Warning, remedy, "the kubelet's iptables is %s, and the chains of Kubernetes are in the other kind", w.Mode)
	case w.Legacy+w.NFT == 0:
		return ok("there are no chains of Kubernetes in iptables")
	}
	return ok("all chains of Kubernetes are of one kind, %s", w.Mode)
}
