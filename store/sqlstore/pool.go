package sqlstore

import (
	"context"
	"database/sql"
	"sync"
)

// pool is a pool of connections of one kind, with the statements that are
// executed so often that preparing them once pays.
type pool struct {
	*sql.DB
	mu       sync.Mutex
	prepared map[string]*sql.Stmt
}

func newPool(db *sql.DB, connections int) *pool {
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return &pool{DB: db, prepared: map[string]*sql.Stmt{}}
}

// statement is prepared at its first use and closed with the pool. There are a
// few fixed ones: no text of a request is part of one.
func (p *pool) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.prepared[text]; ok {
		return known, nil
	}
	made, err := p.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	p.prepared[text] = made
	return made, nil
}
