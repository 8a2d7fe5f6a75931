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
