package nodefacts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/steadylet/steadylet/internal/certs"
	"github.com/steadylet/steadylet/internal/doctor"
	"github.com/steadylet/steadylet/internal/readfile"
	"github.com/steadylet/steadylet/statefile"
)

// maxFile bounds what is read, in bytes.
const maxFile = 4 << 20

// folder looks at where the state file is or will be.
func folder(rootDir string) doctor.Folder {
	path := filepath.Dir(statefile.Path(rootDir))
	folder := doctor.Folder{Path: path, Err: statefile.CheckFolder(path)}
	if folder.Err != nil {
		return folder
	}
	if _, err := os.Stat(path); err != nil {
		path = rootDir
	}
	var disk syscall.Statfs_t
	if folder.Err = syscall.Statfs(path, &disk); folder.Err != nil {
		folder.Err = fmt.Errorf("looking at the file system of %s: %w", path, folder.Err)
		return folder
	}
	folder.ReadOnly = disk.Flags&syscall.MS_RDONLY != 0
	folder.Free, folder.FreeFiles = int64(disk.Bavail)*int64(disk.Bsize), int64(disk.Ffree)
	if disk.Files == 0 { // as with btrfs
		folder.FreeFiles = -1
	}
	return folder
}

// devices reads the checkpoint of the device plugins (pkg/kubelet/cm/devicemanager/
// checkpoint). Its folder is the same whatever the kubelet's root directory is.
func devices(rootDir string) doctor.Devices {
	data, err := readfile.Read(filepath.Join(rootDir, "device-plugins", "kubelet_internal_checkpoint"), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return doctor.Devices{}
	}
	if err != nil {
		return doctor.Devices{Err: err}
	}
	pods, err := parseDevices(data)
	return doctor.Devices{Pods: pods, Err: err}
}

func parseDevices(data []byte) (pods int, err error) {
	var checkpoint struct {
		Data struct {
			PodDeviceEntries []struct{ PodUID string }
		}
	}
	if err := json.Unmarshal(data, &checkpoint); err != nil {
		return 0, errors.New("the checkpoint of the device plugins is not as the kubelet writes it")
	}
	seen := map[string]bool{}
	for _, entry := range checkpoint.Data.PodDeviceEntries {
		seen[entry.PodUID] = true
	}
	return len(seen), nil
}

// certificates reads those of the kubelet and those that kubeadm puts on a control
// plane's node. The client certificate of a kubelet whose flags are known is with its
// kubeconfig.
func (n node) certificates() doctor.Certificates {
	sources, _ := certs.Gather(certs.Places{ // an error is that there are none
		PKIDir: filepath.Join(firstOf(n.request.KubernetesDir, certs.DefaultKubernetesDir), "pki"), KubeletCertDir: n.certDir(), SkipKeys: true,
	})
	var certificates doctor.Certificates
	for _, source := range sources {
		switch {
		case filepath.Base(source.Path) == clientPair && len(n.kubelet.Args) > 0:
		case source.Err != nil:
			certificates.Unread = append(certificates.Unread, doctor.Unread{Path: source.Path, Err: source.Err})
		default:
			first := source.Certificates[0]
			certificates.Found = append(certificates.Found, doctor.Certificate{Path: source.Path, NotBefore: first.NotBefore, NotAfter: first.NotAfter})
		}
	}
	return certificates
}
