package statefile

import (
	"encoding/json"
	"hash/fnv"
	"strconv"
)

// HashSpec is the hash that kubelets 1.16 to 1.30 write on a container with the
// given JSON of v1.Container (HashContainer, pkg/kubelet/container/helpers.go):
// 32-bit FNV-1a over a dump of the bytes.
//
// The JSON has to be what that kubelet would have encoded: see Variants.
func HashSpec(spec []byte) uint64 {
	// The dump of a byte slice is the type, and the bytes in decimal
	// (DeepHashObject, pkg/util/hash/hash.go).
	dump := make([]byte, 0, len(spec)*4+16)
	dump = append(dump, "([]uint8)["...)
	for i, b := range spec {
		if i > 0 {
			dump = append(dump, ' ')
		}
		dump = strconv.AppendUint(dump, uint64(b), 10)
	}
	dump = append(dump, ']')
	hash := fnv.New32a()
	hash.Write(dump)
	return uint64(hash.Sum32())
}

// HashImageAndName is the hash that kubelets from 1.31 on write on a container
// (HashContainer and pickFieldsToHash, pkg/kubelet/container/helpers.go): that of
// the JSON of these two fields.
func HashImageAndName(image, name string) uint64 {
	// A map of strings always can be encoded.
	picked, _ := json.Marshal(map[string]string{"name": name, "image": image})
	return HashSpec(picked)
}
