package auth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
	"github.com/yonder-run/yonder/service/store"
)

// AdminName is the identity that the first start makes.
const AdminName = "admin"

// AdminTokenFile is the file in the state directory that holds the secret of
// the admin's first token.
const AdminTokenFile = "admin.token"

// Accounts is where identities and tokens are made.
type Accounts interface {
	CreateIdentity(ctx context.Context, identity yonder.Identity) error
	IdentityByName(ctx context.Context, name string) (yonder.Identity, error)
	CreateToken(ctx context.Context, token yonder.Token, hash []byte) error
	TokenRecord(ctx context.Context, id yonder.ID) (store.TokenRecord, error)
}

// Bootstrap makes the admin and its token when there is none yet. The file is
// written first: a crash at any step is repaired by the next start, which
// finds a file whose token is not in the store. A file that was removed after
// the first start stays removed.
func Bootstrap(ctx context.Context, accounts Accounts, stateDir string, now time.Time) error {
	path := filepath.Join(stateDir, AdminTokenFile)
	admin, err := accounts.IdentityByName(ctx, AdminName)
	first := yonder.CodeOf(err) == yonder.CodeNotFound
	if err != nil && !first {
		return fmt.Errorf("looking for the admin: %w", err)
	}
	secret, err := readSecret(path)
	if errors.Is(err, fs.ErrNotExist) {
		if !first {
			return nil
		}
		secret, err = writeSecret(path)
	}
	if err != nil {
		return err
	}
	if first {
		if admin, err = createAdmin(ctx, accounts, now); err != nil {
			return err
		}
	}
	return ensureToken(ctx, accounts, admin.ID, secret, now)
}

// createAdmin yields to another replica that was faster.
func createAdmin(ctx context.Context, accounts Accounts, now time.Time) (yonder.Identity, error) {
	admin := yonder.Identity{ID: yonder.NewID(), Name: AdminName, Kind: yonder.IdentityPerson, Admin: true, Created: now}
	err := accounts.CreateIdentity(ctx, admin)
	if yonder.CodeOf(err) == yonder.CodeConflict {
		admin, err = accounts.IdentityByName(ctx, AdminName)
	}
	if err != nil {
		return admin, fmt.Errorf("creating the admin: %w", err)
	}
	return admin, nil
}

func ensureToken(ctx context.Context, accounts Accounts, admin yonder.ID, secret Secret, now time.Time) error {
	_, err := accounts.TokenRecord(ctx, secret.ID)
	if yonder.CodeOf(err) != yonder.CodeNotFound {
		return err
	}
	token := yonder.Token{
		ID: secret.ID, Identity: admin, Label: "made by the first start",
		Scopes: []string{yonder.ScopeAll, yonder.ScopeAdmin}, Created: now,
	}
	if err := accounts.CreateToken(ctx, token, secret.Hash); err != nil {
		return fmt.Errorf("creating the admin's token: %w", err)
	}
	return nil
}

func readSecret(path string) (Secret, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Secret{}, fmt.Errorf("reading the admin's token: %w", err)
	}
	text := strings.TrimSpace(string(data))
	id, kind, ok := parseSecret(text)
	if !ok || kind != kindUser {
		return Secret{}, yonder.Errorf(yonder.CodeStorageCorrupt,
			"%s does not hold a token: remove the file if you have another admin token, else restore it", path)
	}
	return Secret{ID: id, Text: text, Hash: hashSecret(text)}, nil
}

// writeSecret leaves either no file or the whole file.
func writeSecret(path string) (Secret, error) {
	secret := NewSecret()
	if err := osfs.Replace(osfs.OS{}, path, []byte(secret.Text+"\n")); err != nil {
		return Secret{}, fmt.Errorf("keeping the admin's token: %w", err)
	}
	return secret, nil
}
