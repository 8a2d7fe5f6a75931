// Package password makes hashes of passwords, checks passwords against hashes,
// and says which passwords are too easy to guess.
//
// New hashes are Argon2id (RFC 9106) in the PHC string format. Hashes that other
// systems made are accepted as well: see Validate. Hashing is meant to be costly,
// so no more of it is done at once than there are processors: who comes then
// waits in a short queue, and who finds the queue full is told so at once
// (ErrBusy). Sixty-four sign-ins at once need the memory of GOMAXPROCS of them.
//
//	Hash, Check, Dummy ── queue (256, 10 s) ── GOMAXPROCS slots ── Argon2id | bcrypt | scrypt
//	                          └── full or too slow: ErrBusy
//
// It knows neither users nor how often somebody may guess, and it takes
// passwords as they are: how what was typed is brought into one form is its
// user's to decide.
package password
