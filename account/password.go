package account

import (
	"context"
	"fmt"

	"github.com/watchwordauth/watchword/audit"
)

// PasswordChange is a user's wish for another password.
type PasswordChange struct {
	Current string
	New     string
	Keep    string // the id of the session that goes on: the one that asks; "": none
}

// ChangePassword replaces a user's password, at their own wish, and ends their
// sessions but the one to keep. Their access tokens become stale, that session's
// too: it refreshes.
//
// It fails with ErrPasswordWrong, as seldom as sign-ins may (*ThrottledError); a
// *FieldError for a new password that cannot be; ErrBlocked; ErrNotFound; or
// ErrBusy. Then nothing has changed, but if ending the sessions failed the
// password has.
func (s *Service) ChangePassword(ctx context.Context, id ID, change PasswordChange, from Origin) (User, error) {
	user, err := s.Find(ctx, id)
	if err != nil {
		return User{}, err
	}
	if user.Blocked() {
		return User{}, ErrBlocked
	}
	normal, err := chosen(change.New, user)
	if err != nil {
		return User{}, err
	}
	if change.New == change.Current {
		return User{}, &FieldError{"password", "unchanged", "The new password is the current one. Please choose another."}
	}
	if err := s.confirm(ctx, user, change.Current, from); err != nil {
		return User{}, err
	}
	return s.replacePassword(ctx, id, normal, change.Keep, Actor{By: id.String(), From: from})
}

// confirm checks the password of a user who has signed in already.
func (s *Service) confirm(ctx context.Context, user User, typed string, from Origin) error {
	trial, err := s.guard.tryPassword(ctx, "password of "+user.ID.String(), from)
	if err != nil {
		return s.throttled(ctx, err, func(context.Context) (User, error) { return user, nil }, from)
	}
	proof, err := s.prove(ctx, user, typed)
	if err == nil && !proof.right {
		s.signInFailed(ctx, user, "wrong_current_password", from)
		err = ErrPasswordWrong
	}
	trial.over(err)
	return err
}

// replacePassword sets a password that was judged and ends the user's sessions but keep.
func (s *Service) replacePassword(ctx context.Context, id ID, normal, keep string, by Actor) (User, error) {
	hash, err := s.config.Hasher.Hash(ctx, normal)
	if err != nil {
		return User{}, fmt.Errorf("hash the password: %w", err)
	}
	ctx, cancel := settled(ctx)
	defer cancel()
	user, err := s.config.Store.SetPassword(ctx, id, hash, s.now())
	if err != nil {
		return User{}, fmt.Errorf("set the password: %w", err)
	}
	return user, s.passwordReplaced(ctx, user, keep, by, nil)
}

// passwordReplaced tells of a new password, and ends the user's sessions but keep.
func (s *Service) passwordReplaced(ctx context.Context, user User, keep string, by Actor, detail map[string]string) error {
	s.announce(user)
	s.recordAct(ctx, audit.UserPasswordChanged, user, by, detail)
	if _, err := s.config.Sessions.EndUser(ctx, user.ID, keep, ReasonPasswordChanged, by.By); err != nil {
		return fmt.Errorf("the password is changed, but ending the sessions failed: %w", err)
	}
	return nil
}
