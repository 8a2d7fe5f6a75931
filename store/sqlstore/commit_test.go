package sqlstore_test

import (
	"database/sql"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/servertest"
	"github.com/watchwordauth/watchword/session"
)

// noted has PostgreSQL note how each transaction that changes a session commits, and
// returns what asks for the notes and tears them up.
func noted(t *testing.T, address string) func() (settings []string, commits int) {
	t.Helper()
	servertest.Execute(t, "pgx", address,
		`CREATE TABLE notes (setting text NOT NULL, transaction text NOT NULL)`,
		`CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO notes VALUES (current_setting('synchronous_commit'), pg_current_xact_id()::text); RETURN NULL;
		END $$`,
		`CREATE TRIGGER note AFTER INSERT OR UPDATE ON watchword_sessions FOR EACH ROW EXECUTE FUNCTION note()`)
	raw, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	return func() (settings []string, commits int) {
		t.Helper()
		var setting string
		rows, err := raw.QueryContext(t.Context(), `SELECT setting FROM notes`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			if err := rows.Scan(&setting); err != nil {
				t.Fatal(err)
			}
			settings = append(settings, setting)
		}
		if err := raw.QueryRowContext(t.Context(), `SELECT count(DISTINCT transaction) FROM notes`).Scan(&commits); err != nil {
			t.Fatal(err)
		}
		if _, err := raw.ExecContext(t.Context(), `TRUNCATE notes`); err != nil {
			t.Fatal(err)
		}
		return settings, commits
	}
}

func TestEachVerbCommitsOnPostgresAsDurablyAsItMust(t *testing.T) {
	t.Parallel()
	r := remotes["postgres"]
	address := r.empty(t)
	set := r.connect(t, address).Set()
	notes := noted(t, address)
	s := birth(randomID())
	user := account.User{ID: s.UserID, UsernameKey: "ada", EmailKey: "ada@example.org", Epoch: 1, EpochAt: s.CreatedAt, CreatedAt: s.CreatedAt}
	if err := set.Users.Add(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	later := func(r session.Register) session.Register {
		r.Generation++
		return r
	}
	other := birth(randomID())
	other.UserID = s.UserID
	end := session.Tombstone{At: s.CreatedAt}
	for _, step := range []struct {
		verb, want string
		do         func() error
	}{
		{"Begin", "on", func() error { return set.Sessions.Begin(t.Context(), s) }},
		{"Advance", "off", func() error {
			_, err := set.Sessions.Advance(t.Context(), s.ID, 1, later(s.Register))
			return err
		}},
		{"Advance that keeps the generation", "on", func() error {
			_, err := set.Sessions.Advance(t.Context(), s.ID, 2, later(s.Register))
			return err
		}},
		{"Step", "off", func() error {
			_, err := set.Sessions.(session.Stepper).Step(t.Context(), s.ID, func(found session.Session, _ account.User) (session.Register, bool) {
				return later(found.Register), true
			})
			return err
		}},
		{"Revoke", "on", func() error {
			_, err := set.Sessions.Revoke(t.Context(), s.ID, end)
			return err
		}},
		{"Begin another", "on", func() error { return set.Sessions.Begin(t.Context(), other) }},
		{"RevokeUser", "on", func() error {
			_, err := set.Sessions.RevokeUser(t.Context(), s.UserID, session.ID{}, end)
			return err
		}},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.verb, err)
		}
		if got, _ := notes(); !slices.Equal(got, []string{step.want}) {
			t.Errorf("%s committed with synchronous_commit %v, want [%s]", step.verb, got, step.want)
		}
	}
}

// With rotation off every refresh keeps the generation, and so do first rotations with a
// store of sessions elsewhere. They share commits, and none of them is lost in a batch.
func TestThoseWhoKeepAGenerationShareCommits(t *testing.T) {
	t.Parallel()
	r := remotes["postgres"]
	address := r.empty(t)
	sessions := r.connect(t, address).Set().Sessions
	const many = 200
	all := make([]session.Session, many)
	for i := range all {
		all[i] = birth(randomID())
		if err := sessions.Begin(t.Context(), all[i]); err != nil {
			t.Fatal(err)
		}
	}
	notes := noted(t, address)
	var group sync.WaitGroup
	for _, s := range all {
		group.Go(func() {
			s.Register.EmittedAt = s.EmittedAt.Add(time.Minute)
			if won, err := sessions.Advance(t.Context(), s.ID, s.Generation, s.Register); !won || err != nil {
				t.Errorf("Advance = %v, %v", won, err)
			}
		})
	}
	group.Wait()
	settings, commits := notes()
	if len(settings) != many || slices.ContainsFunc(settings, func(setting string) bool { return setting != "on" }) {
		t.Errorf("%d changes, with synchronous_commit %v; want %d, all with on", len(settings), slices.Compact(settings), many)
	}
	if commits > many/4 {
		t.Errorf("%d commits for %d sessions at once", commits, many)
	}
	for _, s := range all {
		found, err := sessions.Find(t.Context(), s.ID)
		if err != nil {
			t.Fatal(err)
		}
		if want := s.EmittedAt.Add(time.Minute); !found.EmittedAt.Equal(want) {
			t.Fatalf("a token was handed out at %v, want %v", found.EmittedAt, want)
		}
	}
}
