package certvalidity

import (
	"fmt"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// configuration is a ClusterConfiguration, in the API version that every release from
// 1.31 on reads. (1.37 also has v1, with the same fields.)
const configuration = `# How long kubeadm %[1]s makes certificates valid: %[2]d years, and %[3]d for authorities.
# From 1.31 on it reads that from its configuration, so it needs no patch. The fields
# exist since v1beta4: in a v1beta3 document they are ignored.
#
# For a new cluster, put the last two lines into the configuration that it is made from,
# or use this file. A cluster that exists has its configuration in a ConfigMap: put them
# there (kubectl --namespace kube-system edit configmap kubeadm-config), and every kubeadm
# that asks the cluster finds them. kubeadm certs renew --config takes this file as the
# whole configuration; a cluster with an external etcd, or with keys of another
# algorithm, needs its own.
#
# kubeadm renews no authority: a certificate that would outlive its authority is of no
# use beyond that.
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: %[1]s
certificateValidityPeriod: %[4]s
caCertificateValidityPeriod: %[5]s
`

// Configuration returns the ClusterConfiguration that gives kubeadm of that version
// its years. It is for versions that are Configured.
func (y Years) Configuration(v kubever.Version) []byte {
	return fmt.Appendf(nil, configuration, v, y.Leaf, y.CA, hours(y.Leaf), hours(y.CA))
}

// hours writes years as a duration that reads back to the same.
func hours(years int) string { return (time.Duration(years) * Year).String() }
