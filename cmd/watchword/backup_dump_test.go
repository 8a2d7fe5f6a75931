package main

import (
	"strings"
	"testing"
)

// The command is printed, and then typed: other users of a machine read it.
func TestNoCommandForABackupHoldsAPassword(t *testing.T) {
	t.Parallel()
	const canary = "c4n4ryc4n4ryc4n4ry"
	for _, address := range []string{
		"postgres://u:" + canary + "@db.example/w?sslpassword=" + canary + "&password=" + canary,
		"mysql://u:" + canary + "@db.example/w?password=" + canary,
		"mongodb://u:" + canary + "@db.example/w?authMechanismProperties=AWS_SESSION_TOKEN:" + canary,
		"mongodb://db.example/w?tlsCertificateKeyFilePassword=" + canary + "&SSLCLIENTCERTIFICATEKEYPASSWORD=" + canary + "&AuthMechanismProperties=X:" + canary,
		"redis://u:" + canary + "@db.example/0",
	} {
		d, ok := dumpOf(address, "copy")
		if !ok {
			t.Errorf("no command for %s", address)
		}
		if told := line(d.save) + line(d.load) + d.password; strings.Contains(told, canary) {
			t.Errorf("for %s it says %s", address, told)
		}
	}
}

// An address that lacks a slash has its password where nobody looks for one.
func TestNoCommandIsMadeOfAnAddressThatIsWrittenWrong(t *testing.T) {
	t.Parallel()
	const canary = "c4n4ryc4n4ryc4n4ry"
	for _, address := range []string{
		"postgres:/u:" + canary + "@db.example/w",
		"postgres:u:" + canary + "@db.example/w",
		"mysql:/u:" + canary + "@db.example/w",
		"mongodb:/u:" + canary + "@db.example/w",
		"postgres://u:#" + canary + "@db.example/w",
		"mysql://u:" + canary + "@tcp(db.example:3306)/w",
	} {
		if d, ok := dumpOf(address, "copy"); ok {
			t.Errorf("for %s it says %s", address, line(d.save))
		}
		var out strings.Builder
		p := &program{out: &out}
		err := p.tellDump(config{Database: address}, "copy")
		if err == nil || strings.Contains(err.Error()+out.String(), canary) || !strings.Contains(err.Error(), "not a URL") {
			t.Errorf("for %s it says %v", address, err)
		}
	}
}

func TestADumpHasOneEnding(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"copy", "copy.db", "copy.dump"} {
		var out strings.Builder
		p := &program{out: &out}
		if err := p.tellDump(config{Database: "postgres://u@db.example/w"}, name); err == nil || !strings.Contains(out.String(), "--file=copy.dump ") {
			t.Errorf("for %s it says %s, %v", name, out.String(), err)
		}
	}
}
