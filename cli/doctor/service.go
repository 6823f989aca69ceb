package doctor

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/internal/version"
	"github.com/yonder-run/yonder/wire"
)

// login finds who to talk to, and asks once for all that is to be known of
// the way there.
func login(ctx context.Context, x *examination) Finding {
	var err error
	if x.login, err = x.Login(); err != nil {
		return failure(err)
	}
	if x.client, err = x.Connect(); err != nil {
		return failure(err)
	}
	x.probe, x.probed = x.client.Probe(ctx)
	where := "from the environment"
	if file, err := x.Home.ReadLogin(); err == nil && file.Token == x.login.Token {
		where = "from " + x.Home.Login()
	}
	return fine("%s, %s", x.login.URL, where)
}

func host(login home.Login) string {
	u, err := url.Parse(login.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func name(_ context.Context, x *examination) Finding {
	switch {
	case x.probe.Proxy != "":
		return fine("%s is looked up by the proxy %s", host(x.login), x.probe.Proxy)
	case x.probe.Looked > 0:
		return fine("%s is %s (%s)", host(x.login), strings.Join(x.probe.Addresses, ", "), milliseconds(x.probe.Looked))
	case net.ParseIP(host(x.login)) != nil || x.probe.Connected > 0:
		return fine("%s needs no look-up", host(x.login))
	}
	return failure(x.probed)
}

func connection(_ context.Context, x *examination) Finding {
	if x.probe.Connected > 0 {
		return fine("connected to %s (%s)", x.probe.Address, milliseconds(x.probe.Connected))
	}
	return failure(x.probed)
}

// soon is before a certificate's or a token's end when a person is told.
const soon = 14 * 24 * time.Hour

func certificate(_ context.Context, x *examination) Finding {
	leaf := x.probe.Certificate
	switch {
	case strings.HasPrefix(x.login.URL, "http://"):
		if ip := net.ParseIP(host(x.login)); ip != nil && ip.IsLoopback() || host(x.login) == "localhost" {
			return fine("none is needed on this machine")
		}
		return warning("use https", "everything travels readable for all: the address begins with http")
	case leaf == nil:
		return failure(x.probed)
	case leaf.NotAfter.Sub(x.now()) < soon:
		return warning("have it renewed", "the certificate ends on %s", day(leaf.NotAfter))
	}
	return fine("valid until %s, signed by %s", day(leaf.NotAfter), leaf.Issuer.CommonName)
}

func service(_ context.Context, x *examination) Finding {
	if x.probed != nil {
		return failure(x.probed)
	}
	v := x.probe.Version
	switch {
	case v.WireNewest < wire.Oldest || v.WireOldest > wire.Version:
		return failed(yonder.CodeUnsupportedWire, "upgrade the older of the two",
			"the service %s speaks wire %d to %d, this program %d to %d", v.Version, v.WireOldest, v.WireNewest, wire.Oldest, wire.Version)
	case v.Version != version.Version:
		return fine("version %s answered (%s); this is %s, and both speak wire %d",
			v.Version, milliseconds(x.probe.Answered), version.Version, min(v.WireNewest, wire.Version))
	}
	return fine("version %s answered (%s)", v.Version, milliseconds(x.probe.Answered))
}

// muchSkew makes the times of tasks hard to compare, and certificates and
// tokens end early or late.
const muchSkew = 5 * time.Second

func clock(_ context.Context, x *examination) Finding {
	skew := x.probe.Skew.Round(time.Second)
	if skew > muchSkew || skew < -muchSkew {
		way := "ahead of"
		if skew < 0 {
			way, skew = "behind", -skew
		}
		return warning("set the clock, with NTP for instance", "this machine's clock is %s %s the service's", skew, way)
	}
	return fine("this machine's and the service's agree")
}

// wanted are the scopes that submitting a function and reading its result need.
var wanted = []string{yonder.ScopeFunctions, yonder.ScopeSubmit, yonder.ScopeRead}

func token(ctx context.Context, x *examination) Finding {
	me, err := x.client.Whoami(ctx)
	if err != nil {
		f := failure(err)
		f.Next = "log in with a new token: yonder login " + x.login.URL
		return f
	}
	var lacks []string
	for _, scope := range wanted {
		if !slices.Contains(me.Token.Scopes, scope) && !slices.Contains(me.Token.Scopes, yonder.ScopeAll) {
			lacks = append(lacks, scope)
		}
	}
	ends := "never ends"
	if me.Token.Expires != nil {
		ends = "ends on " + day(*me.Token.Expires)
	}
	switch {
	case len(lacks) > 0:
		return warning("log in with a token that has these scopes, to run functions of your own",
			"%s's token lacks the scopes %s; it has %s", me.Identity.Name, strings.Join(lacks, ", "), strings.Join(me.Token.Scopes, ", "))
	case me.Token.Expires != nil && me.Token.Expires.Sub(x.now()) < soon:
		return warning("have a new one made: yonder token create", "%s's token %s", me.Identity.Name, ends)
	}
	return fine("of %s, for %s, %s", me.Identity.Name, strings.Join(me.Token.Scopes, ", "), ends)
}

func websocket(ctx context.Context, x *examination) Finding {
	begun := x.now()
	if err := x.client.TryStream(ctx); err != nil {
		return failure(err)
	}
	return fine("one can be opened, as agents need (%s)", milliseconds(x.now().Sub(begun)))
}

func milliseconds(d time.Duration) string {
	return d.Round(100 * time.Microsecond).String()
}

func day(t time.Time) string { return t.Local().Format(time.DateOnly) }
