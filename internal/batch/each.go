package batch

import "sync"

// EachAtOnce is how many calls Each has under way.
const EachAtOnce = 64

// Each calls do for every question, a few at once, and returns what the calls
// returned, in the order of the questions, or the first error in that order, once
// all have ended. It is for what cannot be asked in one batch.
func Each[Q, A any](questions []Q, do func(Q) (A, error)) ([]A, error) {
	answers, errs := make([]A, len(questions)), make([]error, len(questions))
	var group sync.WaitGroup
	places := make(chan struct{}, EachAtOnce)
	for i, question := range questions {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			answers[i], errs[i] = do(question)
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return answers, nil
}
