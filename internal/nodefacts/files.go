package nodefacts

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/steadylet/steadylet/internal/doctor"
	"github.com/steadylet/steadylet/internal/kubeletproc"
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
// plane's node.
func (n node) certificates() doctor.Certificates {
	folder := filepath.Join(n.settings.RootDir, "pki")
	if given := kubeletproc.Value(n.kubelet.Args, "cert-dir"); given != "" {
		folder = given
	}
	paths := []string{
		filepath.Join(folder, "kubelet-client-current.pem"), filepath.Join(folder, "kubelet-server-current.pem"), filepath.Join(folder, "kubelet.crt"),
	}
	for _, pattern := range []string{"/etc/kubernetes/pki/*.crt", "/etc/kubernetes/pki/etcd/*.crt"} {
		found, _ := filepath.Glob(pattern) // the patterns are well formed
		paths = append(paths, found...)
	}
	var certificates doctor.Certificates
	for _, path := range paths {
		data, err := readfile.Read(path, maxFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		certificate, parseErr := parseCertificate(data)
		if err != nil || parseErr != nil {
			certificates.Unread = append(certificates.Unread, path)
			continue
		}
		certificate.Path = path
		certificates.Found = append(certificates.Found, certificate)
	}
	return certificates
}

// parseCertificate reads the first certificate of a PEM file. Keys that lie in the
// same file are passed over.
func parseCertificate(data []byte) (doctor.Certificate, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return doctor.Certificate{}, err
		}
		return doctor.Certificate{NotBefore: certificate.NotBefore, NotAfter: certificate.NotAfter}, nil
	}
	return doctor.Certificate{}, errors.New("no certificate")
}
