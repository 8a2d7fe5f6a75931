// Package nodetest is for tests with several nodes. InTurn has stores of one process
// stand for as many.
package nodetest
