package password_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/watchwordauth/watchword/internal/password"
)

// cheap is a cost that lets a test make many hashes.
var cheap = password.Cost{Memory: 64, Passes: 1, Lanes: 1}

func TestANewHashIsArgon2idOfTheDesignedCost(t *testing.T) {
	t.Parallel()
	hasher := password.New(password.Config{})
	hash, err := hasher.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the hash is %q", hash)
	}
	again, err := hasher.Hash(t.Context(), "correct horse")
	if err != nil || again == hash {
		t.Errorf("the same password hashed twice gave the same hash (%v)", err)
	}
	for _, row := range []struct {
		typed string
		ok    bool
	}{
		{"correct horse", true},
		{"correct horsf", false},
		{"correct horse ", false},
		{"", false},
	} {
		ok, stale, err := hasher.Check(t.Context(), hash, row.typed)
		if ok != row.ok || stale || err != nil {
			t.Errorf("Check(%q) = %v, %v, %v", row.typed, ok, stale, err)
		}
	}
}

// The hashes were made by other programs: the argon2 reference command line,
// passlib 1.7.4, Apache's htpasswd 2.4.71, bcryptjs 2.4.3.
func TestHashesOfOtherSystems(t *testing.T) {
	t.Parallel()
	hasher := password.New(password.Config{})
	eighty := strings.Repeat("x", 80)
	for _, row := range []struct {
		hash, right, wrong string
		stale              bool
	}{
		{"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$AdweBLwcflnNX2HVW8i1Mtu7frrn4Ki7h/rYSGuU7Is", "correct horse", "Correct horse", false},
		{"$argon2id$v=19$m=1024,t=2,p=2$c2FsdHNhbHRzYWx0$qDu78dzg43wNCwrnaRuSh+G60VnJQ8/VSJ/sz2V2m1c", "correct horse", "Correct horse", true},
		{"$argon2i$v=19$m=1024,t=2,p=2$c2FsdHNhbHRzYWx0$uk52AMlI1OX86ZzTDVOhHrTQQnqZ4Ne49W9cI11rssk", "correct horse", "Correct horse", true},
		{"$argon2i$v=19$m=19456,t=3,p=1$c2FsdHNhbHRzYWx0c2FsdA$XnXk+0lOEvaqvEIVnr85JOP57hXfxTxOiA6rbDXti9Y", "correct horse", "Correct horse", true},
		{"$2a$04$u4xbTKhN7qOl1nFegTDkjulwncNWukxLn/Xe.PaKVcgiy9GfZpXlW", "correct horse", "Correct horse", true},
		{"$2b$04$u4xbTKhN7qOl1nFegTDkjulwncNWukxLn/Xe.PaKVcgiy9GfZpXlW", "correct horse", "correct horse\x00correct horse", true},
		{"$2y$05$fPSBMlpkWhNN1eRbkl8AMOdHfPQSbPDOTizdtjBFGRAbIDcRZtDNG", "correct horse", "correct horse\x00", true},
		{"$2a$04$1ujU/vuh.yvCKHZniaxFGuo./mSI0b9lc5Nrn/X/OnW12B8ESdm4u", "pässwörd", "password", true},
		{"$2y$04$VsX2dk.Uz.ZFxKBCbNqpY.xO7R5RsIW1XygI8DdWzMfxZWWCOdmBG", eighty, eighty[:71], true},
		{"$2a$04$QpEcqlHq7vk7MguQZOl1iOkaqxNAK7MOKsuTCKA4Es8itgjM.R38W", eighty[:72] + "another tail", eighty[:70], true}, // of 72 x and a tail
		{"$scrypt$ln=4,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$OAkZqUBelG6VIYdTJfYSENL5OmZRxMa3GwXn5oFliTg", "correct horse", "Correct horse", true},
		{"$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg==$6g3umF+uVrJsObaTZhIbbTlgrvOEFcCItdwSjtPF67M=", "correct horse", "", true},
		{"$scrypt$ln=6,r=8,p=1$+//+MzQ1Njc4OWFiY2RlZg$tNlMi27Q65xjkV/gj0m2xZDeZ9bihKu6XzstQA/oAAs", "pässwörd", "passwörd", true},
	} {
		if err := password.Validate(row.hash); err != nil {
			t.Errorf("%s is refused: %v", row.hash, err)
		}
		if ok, stale, err := hasher.Check(t.Context(), row.hash, row.right); !ok || stale != row.stale || err != nil {
			t.Errorf("%s with the right password: %v, %v, %v", row.hash, ok, stale, err)
		}
		if ok, stale, err := hasher.Check(t.Context(), row.hash, row.wrong); ok || stale || err != nil {
			t.Errorf("%s with %q: %v, %v, %v", row.hash, row.wrong, ok, stale, err)
		}
	}
}

func TestAHashIsStaleOnlyIfANewOneWouldBeStronger(t *testing.T) {
	t.Parallel()
	now := password.New(password.Config{Cost: password.Cost{Memory: 128, Passes: 2, Lanes: 1}})
	for _, row := range []struct {
		made  password.Cost
		stale bool
	}{
		{password.Cost{Memory: 128, Passes: 2, Lanes: 1}, false},
		{password.Cost{Memory: 128, Passes: 3, Lanes: 1}, false},
		{password.Cost{Memory: 256, Passes: 1, Lanes: 2}, false},
		{password.Cost{Memory: 128, Passes: 1, Lanes: 1}, true},
		{password.Cost{Memory: 64, Passes: 9, Lanes: 1}, true},
	} {
		hash, err := password.New(password.Config{Cost: row.made}).Hash(t.Context(), "correct horse")
		if err != nil {
			t.Fatal(err)
		}
		if ok, stale, err := now.Check(t.Context(), hash, "correct horse"); !ok || stale != row.stale || err != nil {
			t.Errorf("%+v: %v, stale %v, %v", row.made, ok, stale, err)
		}
	}
}

// What an imported hash may not do: be of a kind that is not checked, be
// malformed, or ask for hours or for all the memory there is.
func TestRefusedHashes(t *testing.T) {
	t.Parallel()
	const salt, tag = "c2FsdHNhbHRzYWx0", "qDu78dzg43wNCwrnaRuSh+G60VnJQ8/VSJ/sz2V2m1c"
	const bcryptTail = "u4xbTKhN7qOl1nFegTDkjulwncNWukxLn/Xe.PaKVcgiy9GfZpXlW"
	hasher := password.New(password.Config{Cost: cheap})
	for _, hash := range []string{
		"",
		"correct horse",
		"$",
		"$$",
		"5f4dcc3b5aa765d61d8327deb882cf99",
		"$1$salt$qJH7.N4xYta3aEG/dfqo/0",
		"$6$salt$" + tag,
		"$argon2d$v=19$m=1024,t=2,p=2$" + salt + "$" + tag,
		"$argon2id$v=16$m=1024,t=2,p=2$" + salt + "$" + tag,
		"$argon2id$m=1024,t=2,p=2$" + salt + "$" + tag,
		"$argon2id$v=19$m=1024,t=2,p=2$" + salt,
		"$argon2id$v=19$m=1024,t=2,p=2$" + salt + "$" + tag + "$",
		"$argon2id$v=19$t=2,m=1024,p=2$" + salt + "$" + tag,
		"$argon2id$v=19$m=1024,t=2,p=2,data=AA$" + salt + "$" + tag,
		"$argon2id$v=19$m=01024,t=2,p=2$" + salt + "$" + tag,
		"$argon2id$v=19$m=+1024,t=2,p=2$" + salt + "$" + tag,
		"$argon2id$v=19$m=-1,t=2,p=2$" + salt + "$" + tag,
		"$argon2id$v=19$m=104857600,t=2,p=2$" + salt + "$" + tag, // 100 GiB
		"$argon2id$v=19$m=4294967296,t=2,p=2$" + salt + "$" + tag,
		"$argon2id$v=19$m=262145,t=1,p=1$" + salt + "$" + tag,
		"$argon2id$v=19$m=262144,t=5,p=1$" + salt + "$" + tag,
		"$argon2id$v=19$m=1024,t=1000000,p=2$" + salt + "$" + tag,
		"$argon2id$v=19$m=1024,t=0,p=2$" + salt + "$" + tag,
		"$argon2id$v=19$m=1024,t=2,p=0$" + salt + "$" + tag,
		"$argon2id$v=19$m=1024,t=2,p=255$" + salt + "$" + tag,
		"$argon2id$v=19$m=15,t=2,p=2$" + salt + "$" + tag,
		"$argon2id$v=19$m=1024,t=2,p=2$c2FsdA$" + tag,
		"$argon2id$v=19$m=1024,t=2,p=2$" + salt + "$c2FsdA",
		"$argon2id$v=19$m=1024,t=2,p=2$" + salt + "$" + tag[:20] + "\n" + tag[20:],
		"$argon2id$v=19$m=1024,t=2,p=2$" + salt + "$" + tag[:20] + "*" + tag[21:],
		"$argon2id$v=19$m=1024,t=2,p=2$" + salt + "$" + strings.Repeat("A", 500),
		"$2$04$" + bcryptTail,
		"$2x$04$" + bcryptTail,
		"$2a$03$" + bcryptTail,
		"$2a$16$" + bcryptTail,
		"$2a$31$" + bcryptTail,
		"$2a$+4$" + bcryptTail,
		"$2a$4$" + bcryptTail,
		"$2a$04$" + bcryptTail[1:],
		"$2a$04$" + bcryptTail + "x",
		"$2a$04$" + bcryptTail[:30] + "$" + bcryptTail[31:],
		"$scrypt$ln=30,r=8,p=1$" + salt + "$" + tag,
		"$scrypt$ln=18,r=16,p=1$" + salt + "$" + tag,
		"$scrypt$ln=4,r=8,p=2000000000$" + salt + "$" + tag,
		"$scrypt$ln=17,r=8,p=9$" + salt + "$" + tag,
		"$scrypt$ln=0,r=8,p=1$" + salt + "$" + tag,
		"$scrypt$ln=4,r=0,p=1$" + salt + "$" + tag,
		"$scrypt$ln=4,r=8,p=0$" + salt + "$" + tag,
		"$scrypt$ln=4,r=8$" + salt + "$" + tag,
		"$scrypt$ln=4,r=8,p=1$" + salt,
	} {
		err := password.Validate(hash)
		if !errors.Is(err, password.ErrUnsupported) {
			t.Errorf("%q gave %v, want ErrUnsupported", hash, err)
			continue
		}
		if len(hash) > 20 && strings.Contains(err.Error(), hash[10:]) {
			t.Errorf("the error repeats the hash: %v", err)
		}
		if ok, _, err := hasher.Check(t.Context(), hash, "correct horse"); ok || !errors.Is(err, password.ErrUnsupported) {
			t.Errorf("Check with %q gave %v, %v", hash, ok, err)
		}
	}
	if hasher.Runs() != 0 {
		t.Errorf("%d hashes were computed for hashes that are refused", hasher.Runs())
	}
}

// Everything that is accepted costs a bounded amount, and nothing that is not
// the hash's own text is the hash of anything.
func FuzzValidate(f *testing.F) {
	for _, seed := range []string{
		"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$qDu78dzg43wNCwrnaRuSh+G60VnJQ8/VSJ/sz2V2m1c",
		"$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$qDu78dzg43wNCwrnaRuSh+G60VnJQ8/VSJ/sz2V2m1c",
		"$2a$04$u4xbTKhN7qOl1nFegTDkjulwncNWukxLn/Xe.PaKVcgiy9GfZpXlW",
		"$scrypt$ln=1,r=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$OAkZqUBelG6VIYdTJfYSENL5OmZRxMa3GwXn5oFliTg",
		"$scrypt$ln=21,r=1,p=4$MDEyMzQ1Njc4OWFiY2RlZg$OAkZqUBelG6VIYdTJfYSENL5OmZRxMa3GwXn5oFliTg",
		"$argon2id$v=19$m=104857600,t=2,p=2$c2FsdHNhbHRzYWx0$qDu7",
		"$2b$", "$$$$$", "",
	} {
		f.Add(seed)
	}
	hasher := password.New(password.Config{Cost: cheap})
	f.Fuzz(func(t *testing.T, hash string) {
		err := password.Validate(hash)
		if err != nil {
			if !errors.Is(err, password.ErrUnsupported) {
				t.Fatalf("%q: %v", hash, err)
			}
			return
		}
		// Only the cheap ones are computed here.
		if !strings.Contains(hash, "m=8,t=1,") && !strings.Contains(hash, "$04$") && !strings.Contains(hash, "ln=1,r=1,p=1$") {
			return
		}
		if ok, _, err := hasher.Check(t.Context(), hash, "nobody's password"); ok || err != nil {
			t.Fatalf("%q: %v, %v", hash, ok, err)
		}
	})
}
