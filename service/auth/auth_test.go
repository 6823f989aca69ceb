package auth_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop/startstoptest"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var discard = slog.New(slog.DiscardHandler)

// bundle is a real store with an admin, and a clock that stands still.
type bundle struct {
	db    store.Store
	dir   string
	admin yonder.Identity
	now   time.Time
}

func setup(t *testing.T) *bundle {
	t.Helper()
	dir := t.TempDir()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "test.db"), Relaxed: true, Logger: discard})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	b := &bundle{db: db, dir: dir, now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	require.NoError(t, auth.Bootstrap(t.Context(), db, dir, b.now))
	b.admin, err = db.IdentityByName(t.Context(), auth.AdminName)
	require.NoError(t, err)
	return b
}

func (b *bundle) auth() *auth.Auth {
	return auth.New(b.db, func() time.Time { return b.now }, discard)
}

func (b *bundle) secret(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(b.dir, auth.AdminTokenFile))
	require.NoError(t, err)
	return strings.TrimSpace(string(data))
}

// token stores a token that the change has been made to.
func (b *bundle) token(t *testing.T, s auth.Secret, change func(*yonder.Token)) {
	t.Helper()
	token := yonder.Token{ID: s.ID, Identity: b.admin.ID, Scopes: []string{yonder.ScopeRead}, Created: b.now}
	if change != nil {
		change(&token)
	}
	require.NoError(t, b.db.CreateToken(t.Context(), token, s.Hash))
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.auth()
	good, expired, revoked, later := auth.NewSecret(), auth.NewSecret(), auth.NewSecret(), auth.NewSecret()
	expiry := func(at time.Time) func(*yonder.Token) { return func(t *yonder.Token) { t.Expires = &at } }
	b.token(t, good, nil)
	b.token(t, expired, expiry(b.now))
	b.token(t, later, expiry(b.now.Add(time.Microsecond)))
	b.token(t, revoked, nil)
	require.NoError(t, b.db.RevokeToken(t.Context(), revoked.ID, b.now))
	random := auth.NewSecret().Text[36:]

	for name, c := range map[string]struct {
		secret string
		code   yonder.Code
	}{
		"good":               {good.Text, ""},
		"not yet expired":    {later.Text, ""},
		"expired":            {expired.Text, yonder.CodeTokenExpired},
		"expired, guessed":   {expired.Text[:36] + random, yonder.CodeUnauthenticated},
		"revoked":            {revoked.Text, yonder.CodeTokenRevoked},
		"revoked, guessed":   {revoked.Text[:36] + random, yonder.CodeUnauthenticated},
		"unknown":            {auth.NewSecret().Text, yonder.CodeUnauthenticated},
		"wrong secret":       {good.Text[:36] + random, yonder.CodeUnauthenticated},
		"one character off":  {good.Text[:len(good.Text)-1] + "!", yonder.CodeUnauthenticated},
		"prefix of agents":   {"ya" + good.Text[2:], yonder.CodeUnauthenticated},
		"prefix of nobody":   {"yx" + good.Text[2:], yonder.CodeUnauthenticated},
		"longer":             {good.Text + "A", yonder.CodeUnauthenticated},
		"shorter":            {good.Text[:len(good.Text)-1], yonder.CodeUnauthenticated},
		"empty":              {"", yonder.CodeUnauthenticated},
		"separators":         {"yt__", yonder.CodeUnauthenticated},
		"not hex":            {"yt_" + strings.Repeat("z", 32) + good.Text[35:], yonder.CodeUnauthenticated},
		"upper case":         {strings.ToUpper(good.Text[:36]) + good.Text[36:], yonder.CodeUnauthenticated},
		"the admin's secret": {b.secret(t), ""},
	} {
		p, err := a.Authenticate(t.Context(), c.secret)
		require.Equal(t, c.code, yonder.CodeOf(err), "%s: %v", name, err)
		if c.code == "" {
			require.Equal(t, b.admin.ID, p.ID(), name)
			require.Equal(t, auth.AdminName, p.Name)
		}
		if err != nil && c.secret != "" {
			require.NotContains(t, err.Error(), c.secret)
		}
	}
}

func TestSecretsAreOfTheDocumentedForm(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `^yt_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$`, auth.NewSecret().Text)
	require.Regexp(t, `^ya_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$`, auth.NewAgentSecret().Text)
}

func TestRecheck(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.auth()
	s := auth.NewSecret()
	b.token(t, s, nil)
	require.NoError(t, a.Recheck(t.Context(), s.ID))
	require.NoError(t, b.db.RevokeToken(t.Context(), s.ID, b.now))
	require.Equal(t, yonder.CodeTokenRevoked, yonder.CodeOf(a.Recheck(t.Context(), s.ID)))
	require.Equal(t, yonder.CodeUnauthenticated, yonder.CodeOf(a.Recheck(t.Context(), yonder.NewID())))
}

func TestUsesAreWrittenDownAtTheEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.auth()
	require.NoError(t, a.Start(t.Context()))
	p, err := a.Authenticate(t.Context(), b.secret(t))
	require.NoError(t, err)
	a.Stop()
	record, err := b.db.TokenRecord(t.Context(), p.Token.ID)
	require.NoError(t, err)
	require.NotNil(t, record.Token.LastUsed)
	require.Equal(t, b.now, record.Token.LastUsed.UTC())
}

func TestStress(t *testing.T) {
	t.Parallel()
	startstoptest.Stress(t, setup(t).auth())
}

func TestBootstrap(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.secret(t)
	info, err := os.Stat(filepath.Join(b.dir, auth.AdminTokenFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	require.NoError(t, auth.Bootstrap(t.Context(), b.db, b.dir, b.now.Add(time.Hour)))
	require.Equal(t, first, b.secret(t), "a second start changes nothing")

	require.NoError(t, os.Remove(filepath.Join(b.dir, auth.AdminTokenFile)))
	require.NoError(t, auth.Bootstrap(t.Context(), b.db, b.dir, b.now))
	require.NoFileExists(t, filepath.Join(b.dir, auth.AdminTokenFile), "what was removed stays removed")
}

// A crash may come after each step of the first start.
func TestBootstrapIsRepeatedAfterACrash(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string]int{"after the file": 0, "after the identity": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			db, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "test.db"), Relaxed: true, Logger: discard})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			now := time.Now().UTC().Truncate(time.Microsecond)
			require.Error(t, auth.Bootstrap(t.Context(), &crashing{Store: db, left: steps}, dir, now))
			require.NoError(t, auth.Bootstrap(t.Context(), db, dir, now.Add(time.Minute)))
			b := &bundle{db: db, dir: dir, now: now}
			p, err := b.auth().Authenticate(t.Context(), b.secret(t))
			require.NoError(t, err)
			require.True(t, p.Viewer.Admin)
		})
	}
}

func TestBootstrapRefusesADamagedFile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := filepath.Join(b.dir, auth.AdminTokenFile)
	require.NoError(t, os.WriteFile(path, []byte("scribble"), 0o600))
	err := auth.Bootstrap(t.Context(), b.db, b.dir, b.now)
	require.Equal(t, yonder.CodeStorageCorrupt, yonder.CodeOf(err))
	require.ErrorContains(t, err, path)
}

// crashing fails after so many writes.
type crashing struct {
	store.Store

	left int
}

func (c *crashing) step() error {
	if c.left--; c.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

func (c *crashing) CreateIdentity(ctx context.Context, identity yonder.Identity) error {
	if err := c.step(); err != nil {
		return err
	}
	return c.Store.CreateIdentity(ctx, identity)
}

func (c *crashing) CreateToken(ctx context.Context, token yonder.Token, hash []byte) error {
	if err := c.step(); err != nil {
		return err
	}
	return c.Store.CreateToken(ctx, token, hash)
}
