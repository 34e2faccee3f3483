package release_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/release"
)

// newKey makes a key with the real ssh-keygen.
func newKey(t *testing.T, kind, passphrase string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	must(t, "ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "release@example.org", "-f", path)
	return path
}

func load(t *testing.T, key string) *release.Signer {
	t.Helper()
	signer, err := release.LoadSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// verify asks the real ssh-keygen whether a signature is one of the text.
func verify(t *testing.T, key, signature, text string) error {
	t.Helper()
	allowed := filepath.Join(t.TempDir(), "allowed_signers")
	write(t, allowed, "release@example.org "+read(t, key+".pub"), 0o644)
	_, err := output(t, text, "ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "release@example.org", "-n", "file", "-s", signature)
	return err
}

// ssh-keygen verifies our signatures; and where a signature is a function of its input,
// ssh-keygen's are ours, but for where their lines break.
func TestSignaturesAreOpenSSHs(t *testing.T) {
	const text = "0123  a file\n"
	for _, kind := range []string{"ed25519", "rsa", "ecdsa"} {
		t.Run(kind, func(t *testing.T) {
			key := newKey(t, kind, "")
			signature, err := load(t, key).Sign([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			ours, file := filepath.Join(dir, "ours.sig"), filepath.Join(dir, "SHA256SUMS")
			write(t, ours, string(signature), 0o644)
			write(t, file, text, 0o644)
			if err := verify(t, key, ours, text); err != nil {
				t.Errorf("ssh-keygen refuses the signature: %v", err)
			}
			if err := verify(t, key, ours, text+"x"); err == nil {
				t.Error("ssh-keygen takes the signature for another text's")
			}
			if err := verify(t, newKey(t, kind, ""), ours, text); err == nil {
				t.Error("ssh-keygen takes the signature for another key's")
			}
			must(t, "ssh-keygen", "-Y", "sign", "-n", "file", "-f", key, file)
			unbroken := strings.NewReplacer("\n", "")
			if got, want := unbroken.Replace(string(signature)), unbroken.Replace(read(t, file+".sig")); kind != "ecdsa" && got != want {
				t.Errorf("got\n%s\nssh-keygen has\n%s", got, want)
			}
		})
	}
}

func TestLoadSignerRefuses(t *testing.T) {
	dir, good := t.TempDir(), newKey(t, "ed25519", "")
	exposed, text := filepath.Join(dir, "exposed"), filepath.Join(dir, "text")
	write(t, exposed, read(t, good), 0o644)
	write(t, text, "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n", 0o600)
	if err := os.Chmod(good+".pub", 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		path string
		is   error
		says string
	}{
		"missing":      {filepath.Join(dir, "none"), fs.ErrNotExist, "none"},
		"exposed":      {exposed, release.ErrKeyExposed, "chmod 600"},
		"locked":       {newKey(t, "ed25519", "passphrase"), release.ErrKeyLocked, "ssh-keygen -Y sign -n file"},
		"public":       {good + ".pub", nil, "no private key"},
		"half":         {text, nil, "no private key"},
		"a folder":     {dir, nil, "signing key"},
		"empty device": {"/dev/null", nil, "signing key"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := release.LoadSigner(test.path)
			if err == nil || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), test.path) {
				t.Errorf("got %v, want it to say %q and the path", err, test.says)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error has the key's content: %v", err)
			}
		})
	}
}
