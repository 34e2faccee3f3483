package release

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// signatureNamespace is what ssh-keygen -n names. A signature made for another purpose
// with the same key is not one of a file (OpenSSH, PROTOCOL.sshsig).
const signatureNamespace = "file"

// maxKeySize is more than any private key of OpenSSH has, in bytes.
const maxKeySize = 64 << 10

// Errors of a key file, for errors.Is.
var (
	// ErrKeyExposed means that others than its owner can read a private key.
	ErrKeyExposed = errors.New("others can read it")
	// ErrKeyLocked means that a private key is protected by a passphrase.
	ErrKeyLocked = errors.New("it is protected by a passphrase")
)

// Signer signs with a private key of OpenSSH's. It is safe for concurrent use.
type Signer struct {
	key ssh.Signer
}

// LoadSigner reads a private key from a file that only its owner can read. Errors name
// the file and the remedy, and nothing of its content.
func LoadSigner(path string) (*Signer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the signing key: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeySize {
		return nil, fmt.Errorf("the signing key %s is no file of ssh-keygen", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the signing key %s: %w (mode %04o): chmod 600 it", path, ErrKeyExposed, info.Mode().Perm())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the signing key: %w", err)
	}
	defer clear(data)
	key, err := ssh.ParsePrivateKey(data)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return nil, fmt.Errorf("the signing key %s: %w: leave -key out, and sign afterwards with `ssh-keygen -Y sign -n %s -f %s %s`, which asks for it",
			path, ErrKeyLocked, signatureNamespace, path, sumsName)
	case err != nil:
		return nil, fmt.Errorf("the signing key %s is no private key of ssh-keygen: make one with `ssh-keygen -t ed25519 -f %s`", path, path)
	}
	return &Signer{key: key}, nil
}

// Sign returns a detached signature of the data, in OpenSSH's armored format.
func (s *Signer) Sign(data []byte) ([]byte, error) {
	signature, err := sshsig.Sign(bytes.NewReader(data), s.key, sshsig.HashSHA512, signatureNamespace)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	if err := sshsig.Verify(bytes.NewReader(data), signature, s.key.PublicKey(), sshsig.HashSHA512, signatureNamespace); err != nil {
		return nil, fmt.Errorf("signing: the new signature does not verify: %w", err)
	}
	return sshsig.Armor(signature), nil
}
