package main

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"
)

// mostListed is how many things the stores list at once.
const mostListed = 1000

// limit is the value of --limit. What cannot be kept is refused: a list that ends
// early, unseen, is taken for all there is.
type limit int

func (l *limit) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > mostListed {
		return errors.New("it is a whole number, 1 to " + strconv.Itoa(mostListed))
	}
	*l = limit(n)
	return nil
}

func (l *limit) String() string { return strconv.Itoa(int(*l)) }
func (l *limit) Type() string   { return "number" }

// limitFlag registers --limit.
func limitFlag(cmd *cobra.Command, n *int) {
	*n = 50
	cmd.Flags().Var((*limit)(n), "limit", "at most so many, 1 to "+strconv.Itoa(mostListed))
}
