package natsfabric

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/yonder-run/yonder"
)

// authoritySetting names the certificate authority of the replicas in the
// shared store: who can read the database can be a replica.
const authoritySetting = "cluster_authority"

// replicaName is the one name in every replica's certificate. A replica does
// not prove where it is, only that it is one.
const replicaName = "replica.yonder.internal"

const (
	authorityYears   = 20
	certificateYears = 10 // a replica makes its own at every start
)

// clusterTLS returns the mutual TLS of routes, with a certificate that this
// process has just made and whose key never leaves it.
func clusterTLS(ctx context.Context, directory Directory, now time.Time) (*tls.Config, error) {
	authority, err := loadAuthority(ctx, directory, now)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the replica's key: %w", err)
	}
	template := certificate("yonder replica", now, certificateYears)
	template.DNSNames = []string{replicaName}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, template, authority.Leaf, &key.PublicKey, authority.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("making the replica's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(authority.Leaf)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		RootCAs:      pool,
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ServerName:   replicaName,
		MinVersion:   tls.VersionTLS13,
	}, nil
}

// loadAuthority returns the one that is stored, or stores a new one.
func loadAuthority(ctx context.Context, directory Directory, now time.Time) (tls.Certificate, error) {
	fresh, err := newAuthority(now)
	if err != nil {
		return tls.Certificate{}, err
	}
	stored, err := directory.Setting(ctx, authoritySetting, fresh)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("reading the cluster's certificate authority: %w", err)
	}
	authority, err := tls.X509KeyPair(stored, stored)
	if err != nil {
		return tls.Certificate{}, yonder.Errorf(yonder.CodeStorageCorrupt,
			"the setting %q of the database is no certificate authority: delete it and restart all replicas: %w", authoritySetting, err)
	}
	return authority, nil
}

func newAuthority(now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the cluster's key: %w", err)
	}
	template := certificate("yonder cluster", now, authorityYears)
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	keyDER, keyErr := x509.MarshalPKCS8PrivateKey(key)
	if err := errors.Join(err, keyErr); err != nil {
		return nil, fmt.Errorf("making the cluster's certificate authority: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...), nil
}

func certificate(name string, now time.Time, years int) *x509.Certificate {
	id := yonder.NewID()
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(id[:]),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour), // clocks of replicas differ
		NotAfter:     now.AddDate(years, 0, 0),
	}
}
