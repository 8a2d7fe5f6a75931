package watchword

import (
	"context"
	"net/http"
	"runtime/debug"

	"github.com/watchwordauth/watchword/metric"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/signing"
)

// Metrics answers with what this node has counted, in Prometheus' text format:
// docs/operations.md says what there is. It is no part of ServeHTTP, for it tells
// an attacker how an attack gets on: serve it where only your monitoring can reach
// it. The version is what watchword_build_info says; "" is that of the module.
func (s *Server) Metrics(version string) http.Handler {
	if version == "" {
		version = moduleVersion()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", metric.ContentType)
		w.Header().Set("Cache-Control", "no-store")
		_ = s.metrics.WriteText(w, s.state(version)) // whoever is gone needs no answer
	})
}

// state is how things stand at this moment. Nothing is asked of the stores.
func (s *Server) state(version string) metric.State {
	now := s.config.Now()
	state := metric.State{
		Version: version, Count: s.census.Last(),
		RevocationsAge: now.Sub(s.revocations.AsOf()), Followers: s.api.Followers(),
		SigningKeys: map[string]int{},
	}
	state.RevokedSessions, state.RevokedUsers = s.revocations.Size()
	for _, key := range s.keys.List() {
		state.SigningKeys[string(key.State)]++
		if key.State == signing.Current && !key.ActiveAt.IsZero() {
			state.SigningKeyAge = now.Sub(key.ActiveAt)
		}
	}
	return state
}

// moduleVersion is the version of this module, in whichever program it is.
func moduleVersion() string {
	const path = "github.com/watchwordauth/watchword"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	if info.Main.Path == path {
		return info.Main.Version
	}
	for _, module := range info.Deps {
		if module.Path == path {
			return module.Version
		}
	}
	return ""
}

// observe counts a verdict about a refresh token, and passes it on.
func (s *Server) observe(kind session.Kind, healed bool) {
	s.metrics.Refreshed(kind, healed)
	if s.config.Observe != nil {
		s.config.Observe(kind, healed)
	}
}

// sample adds a point to the history of the last hour.
func (s *Server) sample(context.Context) error {
	s.metrics.Sample(s.config.Now().UTC(), s.census.Last().Sessions)
	return nil
}

// count counts users and sessions for that history, with time to spare: nobody waits.
func (s *Server) count(ctx context.Context) error {
	_, err := s.census.Take(ctx)
	return err
}
