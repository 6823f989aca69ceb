package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/yonder-run/yonder"
)

// Kinds of secrets, which their prefix shows: people and service accounts
// hold the first, endpoints' agents the second.
const (
	kindUser  = "yt"
	kindAgent = "ya"
)

const (
	secretBytes = 32
	secretChars = 43 // of base64url without padding
)

// Secret is a new token's secret with what is stored of it.
type Secret struct {
	ID   yonder.ID // of the token
	Text string    // shown once, never stored, never logged
	Hash []byte
}

// NewSecret makes the secret of a person's or service account's token.
func NewSecret() Secret { return newSecret(kindUser) }

// NewAgentSecret makes the credential of an endpoint's agent.
func NewAgentSecret() Secret { return newSecret(kindAgent) }

// NewSecretOf makes a secret of the token with that ID, which its maker chose.
func NewSecretOf(id yonder.ID) Secret { return secretOf(kindUser, id) }

func newSecret(kind string) Secret { return secretOf(kind, yonder.NewID()) }

func secretOf(kind string, id yonder.ID) Secret {
	var random [secretBytes]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand crashes the process instead
	text := kind + "_" + hex.EncodeToString(id[:]) + "_" + base64.RawURLEncoding.EncodeToString(random[:])
	return Secret{ID: id, Text: text, Hash: hashSecret(text)}
}

// hashSecret needs no salt and no stretching: the secret is 256 random bits.
func hashSecret(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// parseSecret takes the token's ID and kind out of a secret's text.
func parseSecret(text string) (id yonder.ID, kind string, ok bool) {
	kind, rest, _ := strings.Cut(text, "_")
	name, random, _ := strings.Cut(rest, "_")
	if kind != kindUser && kind != kindAgent || len(name) != 2*len(id) || len(random) != secretChars {
		return yonder.ID{}, "", false
	}
	if _, err := hex.Decode(id[:], []byte(name)); err != nil {
		return yonder.ID{}, "", false
	}
	return id, kind, true
}
