package session

import (
	"fmt"
	"log/slog"
)

// What carries a token or a key prints without it, however it is printed: a
// "%v" that somebody adds in haste, or a log line, must not give a session away.

// LogValue implements slog.LogValuer: who asked, not what they presented.
func (p Presented) LogValue() slog.Value {
	return slog.GroupValue(slog.String("client", p.ClientID), slog.String("delivery", p.Delivery.String()), slog.String("from", p.From.IP))
}

// String is what %v prints: as LogValue, no secret.
func (p Presented) String() string {
	return fmt.Sprintf("refresh token presented by client %q (%s) from %s", p.ClientID, p.Delivery, p.From.IP)
}

// GoString is what %#v prints: as String.
func (p Presented) GoString() string { return p.String() }

// LogValue implements slog.LogValuer: what was granted to whom, without the tokens.
func (g Grant) LogValue() slog.Value {
	return slog.GroupValue(slog.String("user", g.User.ID.String()), slog.String("session", g.Session.ID.String()), slog.Bool("renewed", g.Renewed))
}

// String is what %v prints: as LogValue, no secret.
func (g Grant) String() string {
	return fmt.Sprintf("grant (user %s, session %s)", g.User.ID, g.Session.ID)
}

// GoString is what %#v prints: as String.
func (g Grant) GoString() string { return g.String() }

// LogValue implements slog.LogValuer: how many keys there are.
func (k *TokenKeys) LogValue() slog.Value { return slog.StringValue(k.String()) }

// String is what %v prints: as LogValue, no secret.
func (k *TokenKeys) String() string { return fmt.Sprintf("%d refresh token keys", len(k.opening)) }

// GoString is what %#v prints: as String.
func (k *TokenKeys) GoString() string { return k.String() }
