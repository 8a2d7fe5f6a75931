package sqlstore

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/watchwordauth/watchword/session"
)

func TestCommitsAreSetInTheAddress(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		address, value string
		override       bool
		want           string
	}{
		"a URL":               {"postgres://u:p@h/d", "on", false, "postgres://u:p@h/d?synchronous_commit=on"},
		"a URL with settings": {"postgresql://h/d?sslmode=require", "off", true, "postgresql://h/d?sslmode=require&synchronous_commit=off"},
		"the operator's own":  {"postgres://h/d?synchronous_commit=remote_apply", "on", false, "postgres://h/d?synchronous_commit=remote_apply"},
		"rotations differ":    {"postgres://h/d?synchronous_commit=remote_apply", "off", true, "postgres://h/d?synchronous_commit=off"},
		"words":               {"host=h dbname=d", "on", false, "synchronous_commit=on host=h dbname=d"},
		"words, rotations":    {"host=h synchronous_commit=on", "off", true, "host=h synchronous_commit=on synchronous_commit=off"},
		"no address":          {"postgres://%zz", "on", false, "postgres://%zz"},
	} {
		if got := withCommit(row.address, row.value, row.override); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
}

func TestMySQLSettingsAreTheStores(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ address, want string }{
		"none":           {"u:p@tcp(h:3306)/d", "u:p@tcp(h:3306)/d?sql_mode=x&interpolateParams=true"},
		"some":           {"u:p@tcp(h:3306)/d?tls=true&timeout=3s", "u:p@tcp(h:3306)/d?sql_mode=x&interpolateParams=true&tls=true&timeout=3s"},
		"other values":   {"u:p@/d?interpolateParams=false&sql_mode=ANSI", "u:p@/d?sql_mode=x&interpolateParams=true"},
		"in a password":  {"u:a?b/c?d@unix(/tmp/s)/d?tls=true", "u:a?b/c?d@unix(/tmp/s)/d?sql_mode=x&interpolateParams=true&tls=true"},
		"found rows off": {"u@/d?clientFoundRows=false", "u@/d?sql_mode=x&interpolateParams=true&clientFoundRows=false"},
	} {
		if got, err := withSettings(row.address, "sql_mode=x"); got != row.want || err != nil {
			t.Errorf("%s: %s, %v; want %s", name, got, err, row.want)
		}
	}
	for _, address := range []string{"u@/d?clientFoundRows=true", "u@/d?tls=true&clientFoundRows=1", "u@/d?clientFoundRows=TRUE"} {
		if _, err := OpenMySQL(t.Context(), address, Options{}); !errors.Is(err, ErrFoundRows) {
			t.Errorf("%s: %v, want %v", address, err, ErrFoundRows)
		}
	}
}

// What a server says decides whether it is asked again, however it is wrapped.
func TestServersAreUnderstood(t *testing.T) {
	t.Parallel()
	type meaning struct{ duplicate, again, unavailable bool }
	for _, row := range []struct {
		name    string
		dialect *dialect
		err     error
		want    meaning
	}{
		{"MySQL: taken", &mysql, &driver.MySQLError{Number: 1062}, meaning{duplicate: true}},
		{"MySQL: deadlock", &mysql, &driver.MySQLError{Number: 1213}, meaning{again: true}},
		{"MySQL: read only", &mysql, &driver.MySQLError{Number: 1290}, meaning{unavailable: true}},
		{"MySQL: a mistake", &mysql, &driver.MySQLError{Number: 1064}, meaning{}},
		{"MySQL: gone", &mysql, driver.ErrInvalidConn, meaning{unavailable: true}},
		{"PostgreSQL: taken", &postgres, &pgconn.PgError{Code: "23505"}, meaning{duplicate: true}},
		{"PostgreSQL: deadlock", &postgres, &pgconn.PgError{Code: "40P01"}, meaning{again: true}},
		{"PostgreSQL: serialization", &postgres, &pgconn.PgError{Code: "40001"}, meaning{again: true}},
		{"PostgreSQL: shutting down", &postgres, &pgconn.PgError{Code: "57P01"}, meaning{unavailable: true}},
		{"PostgreSQL: disk full", &postgres, &pgconn.PgError{Code: "53100"}, meaning{unavailable: true}},
		{"PostgreSQL: a replica", &postgres, &pgconn.PgError{Code: "25006"}, meaning{unavailable: true}},
		{"PostgreSQL: closed under a statement", &postgres, fmt.Errorf("commit: %w", pgconn.ErrConnClosed), meaning{unavailable: true}},
		{"PostgreSQL: only replicas", &postgres, errors.New("failed to connect to `user=u database=d`: h: ValidateConnect failed: read only connection"), meaning{unavailable: true}},
		{"PostgreSQL: a mistake", &postgres, &pgconn.PgError{Code: "42601"}, meaning{}},
		{"PostgreSQL: gone", &postgres, io.ErrUnexpectedEOF, meaning{unavailable: true}},
		{"neither", &mysql, errors.New("other"), meaning{}},
	} {
		for how, err := range map[string]error{
			"":          row.err,
			", wrapped": fmt.Errorf("advance: %w", row.err),
			", joined":  errors.Join(errors.New("first"), fmt.Errorf("and: %w", row.err)),
		} {
			got := meaning{row.dialect.duplicate(err), row.dialect.again(err), row.dialect.unavailable(err)}
			if got != row.want {
				t.Errorf("%s%s: %+v, want %+v", row.name, how, got, row.want)
			}
		}
	}
}

func TestParametersAreNumbered(t *testing.T) {
	t.Parallel()
	const statement = `UPDATE t SET a = ?, b = ? WHERE c = ?`
	if got, want := postgres.sql(statement), `UPDATE t SET a = $1, b = $2 WHERE c = $3`; got != want {
		t.Errorf("PostgreSQL: %s, want %s", got, want)
	}
	if got := mysql.sql(statement); got != statement {
		t.Errorf("MySQL: %s, want %s", got, statement)
	}
}

// A server may be too old to leave out rows that are locked. That it is away is another matter.
func TestAnOldMySQLIsRecognised(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		err  error
		want bool
	}{
		"MariaDB 10.5, MySQL 5.7": {&driver.MySQLError{Number: 1064}, true},
		"not supported":           {&driver.MySQLError{Number: 1235}, true},
		"shutting down":           {&driver.MySQLError{Number: 1053}, false},
		"gone":                    {driver.ErrInvalidConn, false},
		"all is well":             {nil, false},
	} {
		if got := unknownToMySQL(row.err); got != row.want {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}

// A batch may hold several rotations of one session. What a statement that can change
// each session once makes of them must be what one after the other gives.
func TestABatchIsSettledAsIfInSomeOrder(t *testing.T) {
	t.Parallel()
	type call struct {
		session  byte
		from, to uint64
	}
	const held, heldLater = 9, 8 // sessions that somebody else holds, from the second round on
	for name, row := range map[string]struct {
		calls  []call
		want   []bool
		after  map[byte]uint64
		rounds int
	}{
		"different sessions":          {[]call{{1, 1, 2}, {2, 1, 2}, {3, 7, 8}}, []bool{true, true, false}, map[byte]uint64{1: 2, 2: 2, 3: 1}, 1},
		"rivals":                      {[]call{{1, 1, 2}, {1, 1, 2}, {1, 1, 2}}, []bool{true, false, false}, map[byte]uint64{1: 2}, 1},
		"losers of one kind":          {[]call{{1, 5, 6}, {1, 5, 6}}, []bool{false, false}, map[byte]uint64{1: 1}, 1},
		"a loser before the winner":   {[]call{{1, 5, 6}, {1, 1, 2}, {1, 5, 6}}, []bool{false, true, false}, map[byte]uint64{1: 2}, 2},
		"a chain":                     {[]call{{1, 1, 2}, {1, 2, 3}}, []bool{true, true}, map[byte]uint64{1: 3}, 2},
		"a chain, its end first":      {[]call{{1, 1, 2}, {1, 3, 4}, {1, 2, 3}}, []bool{true, false, true}, map[byte]uint64{1: 3}, 2},
		"touches":                     {[]call{{1, 1, 1}, {1, 1, 1}, {1, 1, 2}, {1, 1, 1}}, []bool{true, true, true, true}, map[byte]uint64{1: 2}, 2},
		"a leap, and what it skipped": {[]call{{1, 1, 9}, {1, 2, 3}, {1, 9, 10}}, []bool{true, false, true}, map[byte]uint64{1: 10}, 2},
		"one is held":                 {[]call{{held, 1, 2}, {1, 1, 2}, {held, 2, 3}, {held, 1, 1}}, []bool{false, true, false, false}, map[byte]uint64{1: 2, held: 1}, 1},
		"one is held later":           {[]call{{heldLater, 1, 2}, {heldLater, 2, 3}, {heldLater, 7, 8}}, []bool{true, false, false}, map[byte]uint64{heldLater: 2}, 2},
		"none":                        {nil, nil, map[byte]uint64{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stored, rounds := map[session.ID]uint64{}, 0
			var rotations []rotation
			for _, c := range row.calls {
				id := session.ID{c.session}
				stored[id] = 1
				rotations = append(rotations, rotation{id, c.from, session.Register{Generation: c.to}})
			}
			outcomes, err := settle(rotations, func(round []rotation) (map[session.ID]advanced, error) {
				rounds++
				decided, last := map[session.ID]advanced{}, session.ID{}
				for _, r := range round {
					if r.session == last {
						t.Error("one statement got a session twice")
					}
					last = r.session
					if r.session[0] == held || r.session[0] == heldLater && rounds > 1 {
						decided[r.session] = advanced{held: true}
						continue
					}
					if stored[r.session] == r.from {
						stored[r.session] = r.next.Generation
						decided[r.session] = advanced{won: true}
					}
				}
				return decided, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			var won []bool
			for i, outcome := range outcomes {
				won = append(won, outcome.won)
				// The second rotation of the one that is held later might have won; the third lost before.
				if c := row.calls[i]; outcome.held != (c.session == held || c.session == heldLater && c.from == 2) {
					t.Errorf("%+v: held = %v", c, outcome.held)
				}
			}
			after := map[byte]uint64{}
			for id, generation := range stored {
				after[id[0]] = generation
			}
			for what, diff := range map[string]string{
				"won": cmp.Diff(row.want, won, cmpopts.EquateEmpty()), "after": cmp.Diff(row.after, after), "rounds": cmp.Diff(row.rounds, rounds),
			} {
				if diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
		})
	}
}

// However many replays of one session there are at once, they cost one write: what is there
// afterwards is what the last of them wrote, as if they had been written one by one.
func TestThoseWhoKeepOneGenerationNeedOneRound(t *testing.T) {
	t.Parallel()
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	var keeps []rotation
	for i := range 256 {
		r := session.Register{Generation: 1, EmittedAt: at(1000 - i)}
		keeps = append(keeps, rotation{session.ID{1}, 1, r}, rotation{session.ID{2}, 7, session.Register{Generation: 7}})
	}
	rounds := 0
	outcomes, err := settle(keeps, func(round []rotation) (map[session.ID]advanced, error) {
		rounds++
		if len(round) != 2 || !round[0].next.EmittedAt.Equal(at(1000-255)) {
			t.Errorf("round %d: %+v", rounds, round)
		}
		return map[session.ID]advanced{{1}: {won: true}}, nil
	})
	if err != nil || rounds != 1 {
		t.Errorf("%d rounds, %v", rounds, err)
	}
	for i, outcome := range outcomes {
		if want := i%2 == 0; outcome.won != want {
			t.Fatalf("outcome %d: won %t, want %t", i, outcome.won, want)
		}
	}
}

func TestABatchThatFailsFailsAsAWhole(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	won, err := settle(make([]rotation, 3), func([]rotation) (map[session.ID]advanced, error) { return nil, broken })
	if won != nil || !errors.Is(err, broken) {
		t.Errorf("settle = %v, %v; want %v", won, err, broken)
	}
}
