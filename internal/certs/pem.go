package certs

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

var (
	// ErrNoCertificate means that a file holds no certificate.
	ErrNoCertificate = errors.New("it holds no certificate")
	// ErrNoKey means that a file holds no private key.
	ErrNoKey = errors.New("it holds no private key")
)

// ParseCertificates reads all certificates of a PEM text, in their order. Other blocks
// are passed over, since a kubelet has its key in the same file.
func ParseCertificates(text []byte) ([]*x509.Certificate, error) {
	var found []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("its certificate %d can't be read: %w", len(found)+1, err)
		}
		found = append(found, certificate)
	}
	if len(found) == 0 {
		return nil, ErrNoCertificate
	}
	return found, nil
}

// ParsePublicHalf returns the public key that belongs to the first private key of a PEM
// text. The errors of the parsers are not passed on.
func ParsePublicHalf(text []byte) (crypto.PublicKey, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		key, err := parseKey(block)
		if err != nil {
			return nil, err
		}
		if key != nil {
			return key.Public(), nil
		}
	}
	return nil, ErrNoKey
}

// parseKey reads a block, or returns nil when it is none of a private key.
func parseKey(block *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("its private key is encrypted")
	default:
		return nil, nil
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, errors.New("its private key can't be read: it is damaged, encrypted, or of an unknown kind")
	}
	return signer, nil
}

// sameKey reports whether a certificate is for that public key.
func sameKey(certificate *x509.Certificate, public crypto.PublicKey) bool {
	comparable, ok := certificate.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && comparable.Equal(public)
}
