package account_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/uuid"
)

// bcryptHorse is bcryptjs's hash of "correct horse".
const bcryptHorse = "$2a$04$u4xbTKhN7qOl1nFegTDkjulwncNWukxLn/Xe.PaKVcgiy9GfZpXlW"

var cli = account.Actor{By: account.ByCLI}

func (h *house) importLines(t *testing.T, lines ...string) account.Imported {
	t.Helper()
	imported, err := h.Import(t.Context(), strings.NewReader(strings.Join(lines, "\n")), cli, nil)
	if err != nil {
		t.Fatal(err)
	}
	return imported
}

func TestUsersMoveInWithTheirPasswordsRolesAndDates(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	got := h.importLines(t,
		`{"username":"Anna","email":"Anna@example.org","passwordHash":"`+bcryptHorse+`","roles":["user","ROLE_ADMIN"],"createdAt":"2024-02-03T04:05:06.7+01:00"}`,
		``,
		`{"username":"ben","hash":"$argon2id$v=19$m=1024,t=2,p=2$c2FsdHNhbHRzYWx0$qDu78dzg43wNCwrnaRuSh+G60VnJQ8/VSJ/sz2V2m1c","blocked":true,"nickname":"benny"}`+"\r",
		`  {"username":"carl","email":null,"roles":null,"createdAt":null,"password":"$scrypt$ln=4,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$OAkZqUBelG6VIYdTJfYSENL5OmZRxMa3GwXn5oFliTg"}  `,
	)
	if diff := cmp.Diff(account.Imported{Lines: 3, Added: 3}, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	anna, err := h.Authenticate(t.Context(), "anna", "correct horse", home)
	if err != nil {
		t.Fatal(err)
	}
	made := time.Date(2024, 2, 3, 3, 5, 6, 700_000_000, time.UTC)
	want := account.User{
		ID: anna.ID, Username: "Anna", UsernameKey: "anna", Email: "Anna@example.org", EmailKey: "anna@example.org",
		PasswordHash: anna.PasswordHash, Roles: []string{"admin", "user"}, Epoch: 1, CreatedAt: made,
	}
	if diff := cmp.Diff(want, anna); diff != "" {
		t.Errorf("anna (-want +got):\n%s", diff)
	}
	if born := uuid.New(made, strings.NewReader(strings.Repeat("\x00", 10))); anna.ID.String()[:13] != born.String()[:13] {
		t.Errorf("anna's id %v does not sort by when she was made", anna.ID)
	}
	if _, err := h.Authenticate(t.Context(), "ben", "correct horse", home); !errors.Is(err, account.ErrBlocked) {
		t.Errorf("ben: %v, want to be blocked", err)
	}
	carl, err := h.Authenticate(t.Context(), "carl", "correct horse", home)
	if err != nil || !cmp.Equal(carl.Roles, []string{"user"}) || !carl.CreatedAt.Equal(h.clock.now()) {
		t.Errorf("carl is %+v (%v)", carl, err)
	}
	event := h.last(t, audit.UserCreated)
	if event.Actor != account.ByCLI || event.Detail["via"] != "import" {
		t.Errorf("the event is %+v", event)
	}
}

// As mongoexport wrote it from the database of the second seed, whose roles are
// documents of another collection.
func TestTheSeedsDatabaseMovesIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	got := h.importLines(t,
		`{"_id":{"$oid":"65bdb8f2a1b2c3d4e5f60718"},"username":"anna","email":"anna@example.org","password":"`+bcryptHorse+`","roles":[{"$oid":"65bdb8f0a1b2c3d4e5f60700"},{"$oid":"65bdb8f0a1b2c3d4e5f60701"}],"__v":1}`,
		`{"_id":{"$oid":"65bdb8f2a1b2c3d4e5f60719"},"username":"ben","email":"ben@example.org","password":"`+bcryptHorse+`","roles":["65bdb8f0a1b2c3d4e5f60700","moderator"],"createdAt":{"$date":"2023-01-02T03:04:05.678Z"}}`,
		`{"_id":{"$oid":"ffffffffa1b2c3d4e5f60719"},"username":"carl","password":"`+bcryptHorse+`","createdAt":{"$date":{"$numberLong":"1672628645678"}}}`,
		`{"_id":{"$oid":"ffffffffa1b2c3d4e5f60719"},"username":"dora","password":"`+bcryptHorse+`"}`,
	)
	note := "roles that are references to another collection cannot be resolved; the user has: "
	want := account.Imported{Lines: 4, Added: 4, Notes: []account.LineNote{{1, note + "user"}, {2, note + "moderator"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	for name, made := range map[string]time.Time{
		"anna": time.Unix(0x65bdb8f2, 0),
		"ben":  time.Date(2023, 1, 2, 3, 4, 5, 678_000_000, time.UTC),
		"carl": time.UnixMilli(1672628645678),
		"dora": h.clock.now(), // the id tells of a year to come
	} {
		user, err := h.Authenticate(t.Context(), name, "correct horse", home)
		if err != nil || !user.CreatedAt.Equal(made) {
			t.Errorf("%s was made %v, want %v (%v)", name, user.CreatedAt, made, err)
		}
	}
}

func TestAnImportMayBeRunAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	lines := []string{
		`{"username":"anna","email":"anna@example.org","password":"` + bcryptHorse + `"}`,
		`{"username":"ben","password":"` + bcryptHorse + `"}`,
	}
	h.importLines(t, lines...)
	anna, err := h.Authenticate(t.Context(), "anna", "correct horse", home)
	if err != nil {
		t.Fatal(err)
	}
	got := h.importLines(t, append(lines, `{"username":"carl","password":"`+bcryptHorse+`"}`)...)
	if diff := cmp.Diff(account.Imported{Lines: 3, Added: 1, Present: 2}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	again, err := h.Find(t.Context(), anna.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(anna, again); diff != "" {
		t.Errorf("anna changed:\n%s", diff)
	}
}

// Each line that is wrong is refused with its number and the reason, adds
// nothing, and stops nothing.
func TestLinesThatAreRefused(t *testing.T) {
	t.Parallel()
	with := func(fields string) string { return `{"password":"` + bcryptHorse + `",` + fields + `}` }
	for _, row := range []struct{ line, says string }{
		{`{"username":"anna"`, "not JSON: at byte 18"},
		{`not JSON at all`, "not JSON: at byte 2"},
		{`"anna"`, "not a JSON object"},
		{`null`, "passwordHash is missing"},
		{`[{"username":"anna"}]`, "JSON array"},
		{with(`"username":"anna"`) + with(`"username":"ben"`), "not JSON"},
		{`{"username":"anna"}`, "passwordHash is missing"},
		{`{"username":"anna","password":"my secret word"}`, "in clear"},
		{`{"username":"anna","password":"5f4dcc3b5aa765d61d8327deb882cf99"}`, "in clear, or its hash of a kind that is not known"},
		{`{"username":"anna","hash":"$6$salt$hash"}`, "its kind is not known"},
		{`{"username":"anna","hash":"$2a$31$` + bcryptHorse[7:] + `"}`, "its cost is not 4 to 15"},
		{`{"username":"anna","hash":"$argon2id$v=19$m=104857600,t=2,p=2$c2FsdHNhbHRzYWx0$qDu78dzg43wNCwrnaRuSh"}`, "its m is not"},
		{`{"username":"anna","hash":"` + bcryptHorse + `","password":"` + bcryptHorse + `"}`, "more than one"},
		{with(`"email":"anna@example.org"`), "username: Please choose"},
		{with(`"username":"anna bell"`), "username: "},
		{with(`"username":"anna","email":"nowhere"`), "email: "},
		{with(`"username":17`), "username is a number"},
		{with(`"username":"anna","roles":"admin"`), "roles is a string"},
		{with(`"username":"anna","roles":[17]`), "roles must be names"},
		{with(`"username":"anna","roles":["king"]`), `role "king"`},
		{with(`"username":"anna","createdAt":"yesterday"`), "createdAt is not a time"},
		{with(`"username":"anna","createdAt":17`), "createdAt is not a time"},
		{with(`"username":"anna","createdAt":"1969-12-31T00:00:00Z"`), "createdAt is not a time"},
		{with(`"username":"anna","createdAt":{"$date":{"$numberLong":"-1"}}`), "createdAt is not a time"},
		{with(`"username":"anna","createdAt":"2030-01-01T00:00:00Z"`), "in the future"},
		{with(`"username":"anna","blocked":"yes"`), "blocked is a string"},
		{with(`"username":"ADA"`), "username is taken"},
		{with(`"username":"ada","email":"other@example.org"`), "username is taken"},
		{with(`"username":"anna","email":"ADA@example.org"`), "email is taken"},
		{with(`"username":"anna","x":"` + strings.Repeat("x", 70_000) + `"`), "longer than 65536 bytes"},
		{with(`"username":"anna","x":"` + strings.Repeat("x", 200_000) + `"`), "longer than 65536 bytes"},
	} {
		t.Run(row.says, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.secret("my secret word")
			h.signUp(t, "ada", "correct horse")
			got := h.importLines(t, with(`"username":"before"`), "", row.line, with(`"username":"after"`))
			if got.Lines != 3 || got.Added != 2 || got.Refused != 1 || len(got.Refusals) != 1 {
				t.Fatalf("%+v", got)
			}
			refusal := got.Refusals[0]
			if refusal.Line != 3 || !strings.Contains(refusal.Text, row.says) {
				t.Errorf("refused: %+v, want line 3: %s", refusal, row.says)
			}
			if strings.Contains(refusal.Text, "my secret word") || strings.Contains(refusal.Text, bcryptHorse[7:]) {
				t.Errorf("the reason repeats a secret: %s", refusal.Text)
			}
			if n := h.users(t); n != 3 {
				t.Errorf("there are %d users, want 3", n)
			}
		})
	}
}

func TestALongImportTellsHowFarItIs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var lines strings.Builder
	lines.WriteString("\ufeff") // as some editors begin a file
	for i := range 2500 {
		if i%2 == 0 {
			fmt.Fprintf(&lines, `{"username":"user%d","password":%q}`+"\n", i, bcryptHorse)
		} else {
			lines.WriteString("{}\n")
		}
	}
	var told []account.Imported
	got, err := h.Import(t.Context(), strings.NewReader(lines.String()), cli, func(i account.Imported) { told = append(told, i) })
	if err != nil {
		t.Fatal(err)
	}
	if got.Lines != 2500 || got.Added != 1250 || got.Refused != 1250 || len(got.Refusals) != 1000 {
		t.Errorf("%d lines, %d added, %d refused, %d reasons kept", got.Lines, got.Added, got.Refused, len(got.Refusals))
	}
	if len(told) != 3 || told[0].Lines != 1000 || told[1].Lines != 2000 || told[2].Lines != 2500 {
		t.Errorf("progress was told %d times", len(told))
	}
	events := 0
	for page := (audit.Query{Limit: 1000}); ; {
		found, err := h.stores.Events.Events(t.Context(), page)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 {
			break
		}
		events += len(found)
		page.Before = found[len(found)-1].ID
	}
	if events != 1250 {
		t.Errorf("%d events, want one for each user", events)
	}
}

func TestAnImportThatCannotGoOnSaysWhereAndKeepsWhatItDid(t *testing.T) {
	t.Parallel()
	line := func(name string) string {
		return fmt.Sprintf(`{"username":%q,"password":%q}`+"\n", name, bcryptHorse)
	}
	t.Run("the store fails", func(t *testing.T) {
		t.Parallel()
		var store *broken
		h := newHouse(t, func(c *account.Config) {
			store = &broken{Store: c.Store}
			c.Store = store
		})
		whole := line("anna") + line("ben") + line("carl")
		h.importLines(t, line("anna"))
		store.add = errDisk
		got, err := h.Import(t.Context(), strings.NewReader(whole), cli, nil)
		if !errors.Is(err, errDisk) || !strings.HasPrefix(fmt.Sprint(err), "line 1: ") || got.Lines != 0 {
			t.Errorf("got %+v, %v", got, err)
		}
		store.add = nil
		if got := h.importLines(t, whole); got.Added != 2 || got.Present != 1 {
			t.Errorf("run again: %+v", got)
		}
	})
	t.Run("the reader fails", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		torn := io.MultiReader(strings.NewReader(line("anna")+line("ben")), iotest.ErrReader(errDisk))
		_, err := h.Import(t.Context(), torn, cli, nil)
		if !errors.Is(err, errDisk) || !strings.HasPrefix(fmt.Sprint(err), "line 3: ") {
			t.Errorf("got %v", err)
		}
		if h.users(t) != 2 || len(h.events(t)) != 2 {
			t.Errorf("%d users, %d events; want 2 and 2", h.users(t), len(h.events(t)))
		}
	})
}

// Whatever is in a file, every line that is not empty is counted once, and a user
// is added whole or not at all.
func FuzzImport(f *testing.F) {
	for _, seed := range []string{
		`{"username":"anna","email":"anna@example.org","password":"` + bcryptHorse + `","roles":["user"]}`,
		`{"username":"anna","password":"` + bcryptHorse + `","createdAt":{"$date":{"$numberLong":"9223372036854775807"}}}`,
		`{"username":"anna","password":"` + bcryptHorse + `","createdAt":"9999-12-31T23:59:59+14:00"}`,
		`{"_id":{"$oid":"000000000000000000000000"},"username":"anna","password":"` + bcryptHorse + `","roles":[{"$oid":"0"},null]}`,
		"{}\n\n[]\r\n\x00\n\ufeff{}\n" + `{"username":"anna","password":"` + bcryptHorse + `"}`,
		`{"username":"\ud800nna","password":"` + bcryptHorse + `"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, lines string) {
		h := newHouse(t)
		got, err := h.Import(t.Context(), strings.NewReader(lines), cli, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.Lines != got.Added+got.Present+got.Refused || got.Lines > strings.Count(lines, "\n")+1 {
			t.Fatalf("%+v", got)
		}
		users, err := h.List(t.Context(), account.Query{Limit: 1000})
		if err != nil || len(users) != min(got.Added, 1000) {
			t.Fatalf("%d users, %d added (%v)", len(users), got.Added, err)
		}
		for _, u := range users {
			key, err := account.UsernameKey(u.Username)
			if err != nil || key != u.UsernameKey || len(u.Roles) == 0 || u.Epoch != 1 || u.CreatedAt.After(h.clock.now()) || u.CreatedAt.Unix() < 0 {
				t.Fatalf("%+v (%v)", u, err)
			}
		}
	})
}
