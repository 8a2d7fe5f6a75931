package metric

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/memory"
	"github.com/watchwordauth/watchword/store/storetest"
)

type idle struct{}

func (idle) Running() int    { return 0 }
func (idle) Waiting() int    { return 0 }
func (idle) Runs() uint64    { return 0 }
func (idle) Refused() uint64 { return 0 }

func TestMeasuredStoresKeepTheContracts(t *testing.T) {
	t.Parallel()
	open := func(testing.TB) store.Set { return New(time.Now(), idle{}, memory.New()).Stores() }
	storetest.Run(t, open)
	storetest.Steps(t, open)
}

// callAll calls every verb of a contract once, with zero values.
func callAll(contract reflect.Type, on any) (verbs []string) {
	for i := range contract.NumMethod() {
		method := reflect.ValueOf(on).MethodByName(contract.Method(i).Name)
		args := []reflect.Value{reflect.ValueOf(context.Background())}
		for j := 1; j < method.Type().NumIn() && !(method.Type().IsVariadic() && j == method.Type().NumIn()-1); j++ {
			arg := reflect.Zero(method.Type().In(j))
			if arg.Kind() == reflect.Func {
				arg = reflect.ValueOf(func(session.Session, account.User) (session.Register, bool) { return session.Register{}, false }).Convert(arg.Type())
			}
			args = append(args, arg)
		}
		method.Call(args)
		verbs = append(verbs, snake(contract.Method(i).Name))
	}
	return verbs
}

func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// stepping is all verbs of a session.Stepper that is a session.Store.
type stepping interface {
	session.Store
	Step(context.Context, session.ID, session.Rule) (bool, error)
}

func TestEveryVerbOfEveryStoreIsMeasured(t *testing.T) {
	t.Parallel()
	n := New(time.Now(), idle{}, memory.New())
	for _, row := range []struct {
		contract reflect.Type
		on       any
		measured []*verb
	}{
		{reflect.TypeFor[account.Store](), n.stores.users, n.stores.users.verbs},
		{reflect.TypeFor[stepping](), n.stores.sessions, n.stores.sessions.verbs},
		{reflect.TypeFor[signing.Store](), n.stores.keys, n.stores.keys.verbs},
		{reflect.TypeFor[audit.Store](), n.stores.events, n.stores.events.verbs},
	} {
		calls := map[string]uint64{}
		verbs := callAll(row.contract, row.on)
		for _, v := range row.measured {
			for i := range v.took.counts {
				calls[v.name] += v.took.counts[i].Load()
			}
		}
		for _, name := range verbs {
			if calls[name] != 1 {
				t.Errorf("%v.%s was called once and measured %d times", row.contract, name, calls[name])
			}
		}
		if len(verbs) != len(row.measured) {
			t.Errorf("%v has %d verbs, and %d are measured", row.contract, len(verbs), len(row.measured))
		}
	}
}

// broken fails as a database does that is gone.
type broken struct {
	session.Store
	err error
}

func (b *broken) Find(context.Context, session.ID) (session.Session, error) {
	return session.Session{}, b.err
}

func TestAStoreThatSaysNoDoesNotFail(t *testing.T) {
	t.Parallel()
	sessions := &broken{}
	set := memory.New()
	set.Sessions = sessions
	n := New(time.Now(), idle{}, set)
	for _, err := range []error{nil, session.ErrNotFound, context.Canceled} {
		sessions.err = err
		_, _ = n.Stores().Sessions.Find(t.Context(), session.ID{})
	}
	if got := n.stores.sessions.find.failed.Load(); got != 0 {
		t.Errorf("answers were counted as %d failures", got)
	}
	for _, err := range []error{errors.New("connection refused"), context.DeadlineExceeded} {
		sessions.err = err
		_, _ = n.Stores().Sessions.Find(t.Context(), session.ID{})
	}
	if got := n.stores.sessions.find.failed.Load(); got != 2 {
		t.Errorf("two failures were counted as %d", got)
	}
}

func TestEndsAreCountedByReason(t *testing.T) {
	t.Parallel()
	n := New(time.Now(), idle{}, memory.New())
	sessions := n.Stores().Sessions
	user := account.ID{1}
	for i := range 4 {
		at := time.Now()
		begun := session.Session{
			ID: session.ID{byte(i)}, UserID: user, Delivery: session.Body, CreatedAt: at, ExpiresAt: at.Add(time.Hour),
			Register: session.Register{Generation: 1, RotatedAt: at, EmittedAt: at, IdleUntil: at.Add(time.Hour)},
		}
		if err := sessions.Begin(t.Context(), begun); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time it has ended already
		if _, err := sessions.Revoke(t.Context(), session.ID{0}, session.Tombstone{At: time.Now(), Reason: session.SignedOut}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := sessions.Revoke(t.Context(), session.ID{1}, session.Tombstone{At: time.Now(), Reason: "what nobody foresaw"}); err != nil {
		t.Fatal(err)
	}
	if _, err := sessions.RevokeUser(t.Context(), user, session.ID{}, session.Tombstone{At: time.Now(), Reason: session.UserBlocked}); err != nil {
		t.Fatal(err)
	}
	for reason, want := range map[session.Reason]uint64{session.SignedOut: 1, session.UserBlocked: 2, "other": 1, session.ReuseDetected: 0} {
		if got := n.ended.of(reason).Load(); got != want {
			t.Errorf("%s ended %d sessions, want %d", reason, got, want)
		}
	}
	if got := n.begun.Load(); got != 4 {
		t.Errorf("%d sessions began, want 4", got)
	}
}
