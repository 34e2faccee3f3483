package statefile

import (
	"encoding/json"
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
	hash := fnvOffset.add("([]uint8)[")
	for i, b := range spec {
		if i > 0 {
			hash = hash.add(" ")
		}
		hash = hash.add(decimal[b])
	}
	return uint64(hash.add("]"))
}

// fnv32a is a 32-bit FNV-1a hash in the making. (hash/fnv wants the dump as bytes,
// which takes twice as long.)
type fnv32a uint32

// The offset basis and the prime are those of hash/fnv.
const (
	fnvOffset fnv32a = 2166136261
	fnvPrime  fnv32a = 16777619
)

func (h fnv32a) add(text string) fnv32a {
	for i := 0; i < len(text); i++ {
		h = (h ^ fnv32a(text[i])) * fnvPrime
	}
	return h
}

// decimal has every byte in decimal.
var decimal = func() (text [256]string) {
	for b := range text {
		text[b] = strconv.Itoa(b)
	}
	return text
}()

// HashImageAndName is the hash that kubelets from 1.31 on write on a container
// (HashContainer and pickFieldsToHash, pkg/kubelet/container/helpers.go): that of
// the JSON of these two fields.
func HashImageAndName(image, name string) uint64 {
	// Strings always can be encoded. The kubelet encodes a map, which has the names
	// in this order.
	picked, _ := json.Marshal(struct {
		Image string `json:"image"`
		Name  string `json:"name"`
	}{image, name})
	return HashSpec(picked)
}
