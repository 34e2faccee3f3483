package nodefacts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/steadylet/steadylet/internal/doctor"
	"github.com/steadylet/steadylet/internal/kubeletproc"
	"github.com/steadylet/steadylet/internal/readfile"
)

// onlineCPUs is where the kernel lists them.
const onlineCPUs = "/sys/devices/system/cpu/online"

func (n node) cpuManager() doctor.Checkpoint {
	checkpoint := doctor.Checkpoint{
		Path:       filepath.Join(n.settings.RootDir, "cpu_manager_state"),
		Configured: firstOf(kubeletproc.Value(n.kubelet.Args, "cpu-manager-policy"), n.config.CPUManagerPolicy),
	}
	data, err := readfile.Read(checkpoint.Path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return checkpoint
	}
	checkpoint.Exists = true
	var cpus cpuSet
	if err == nil {
		checkpoint.Recorded, cpus, err = parseCPUs(data)
	}
	if err != nil || checkpoint.Recorded != "static" {
		checkpoint.Err = err
		return checkpoint
	}
	online, err := readfile.Read(onlineCPUs, maxFile)
	if err != nil {
		return checkpoint // without them the kubelet does not know better either
	}
	now, err := parseCPUSet(strings.TrimSpace(string(online)))
	checkpoint.Gone, checkpoint.New, checkpoint.Err = cpus.without(now), now.without(cpus), err
	return checkpoint
}

func (n node) memoryManager() doctor.Checkpoint {
	checkpoint := doctor.Checkpoint{
		Path:       filepath.Join(n.settings.RootDir, "memory_manager_state"),
		Configured: firstOf(kubeletproc.Value(n.kubelet.Args, "memory-manager-policy"), n.config.MemoryManagerPolicy),
	}
	data, err := readfile.Read(checkpoint.Path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return checkpoint
	}
	checkpoint.Exists = true
	var read struct {
		PolicyName string `json:"policyName"`
	}
	if err == nil && json.Unmarshal(data, &read) != nil {
		err = errCheckpoint
	}
	checkpoint.Recorded, checkpoint.Err = read.PolicyName, err
	return checkpoint
}

var errCheckpoint = errors.New("it is not as the kubelet writes it")

// parseCPUs reads a checkpoint of the CPU manager: its policy and all CPUs that it
// names. (In version 1 an entry was the CPUs of a container, since then it is the
// containers of a pod.)
func parseCPUs(data []byte) (policy string, cpus cpuSet, err error) {
	var read struct {
		PolicyName    string                     `json:"policyName"`
		DefaultCPUSet string                     `json:"defaultCpuSet"`
		Entries       map[string]json.RawMessage `json:"entries"`
	}
	if err := json.Unmarshal(data, &read); err != nil {
		return "", nil, errCheckpoint
	}
	texts := []string{read.DefaultCPUSet}
	for _, entry := range read.Entries {
		var one string
		var several map[string]string
		if json.Unmarshal(entry, &one) != nil && json.Unmarshal(entry, &several) != nil {
			return "", nil, errCheckpoint
		}
		texts = append(append(texts, one), slices.Collect(maps.Values(several))...)
	}
	cpus = cpuSet{}
	for _, text := range texts {
		some, err := parseCPUSet(text)
		if err != nil {
			return "", nil, err
		}
		maps.Copy(cpus, some)
	}
	return read.PolicyName, cpus, nil
}

type cpuSet map[int]bool

// maxCPUs bounds a set: the kernel has at most 8192 (NR_CPUS).
const maxCPUs = 8192

// parseCPUSet reads "0-3,8".
func parseCPUSet(text string) (cpuSet, error) {
	set := cpuSet{}
	if text == "" {
		return set, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.Atoi(first)
		to, lastErr := strconv.Atoi(last)
		if err != nil || lastErr != nil || from < 0 || to < from || to >= maxCPUs {
			return nil, fmt.Errorf("%q is no list of CPUs", text)
		}
		for cpu := from; cpu <= to; cpu++ {
			set[cpu] = true
		}
	}
	return set, nil
}

// without lists those that other does not have.
func (s cpuSet) without(other cpuSet) string {
	var left []string
	for _, cpu := range slices.Sorted(maps.Keys(s)) {
		if !other[cpu] {
			left = append(left, strconv.Itoa(cpu))
		}
	}
	return strings.Join(left, ",")
}

func firstOf(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}
