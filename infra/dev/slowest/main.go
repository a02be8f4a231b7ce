// Command slowest reads the events of `go test -json`, prints what go test prints without -json,
// and records how long each test took. With -list it prints the slowest of all recorded tests.
//
//	go test -json -v ./... | slowest -times file -- -v
//	slowest -list file
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
)

// shown is how many tests -list prints.
const shown = 10

const usage = "slowest -times FILE -- [arguments of go test], behind go test -json; slowest -list FILE"

func main() {
	times := flag.String("times", "", "append the tests' times to this file")
	list := flag.String("list", "", "only print the slowest tests of this file")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*times, *list, flag.Args(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "slowest:", err)
		os.Exit(1)
	}
}

func run(times, list string, args []string, in io.Reader, out io.Writer) (err error) {
	if list != "" {
		tests, err := readTimes(list)
		if err != nil {
			return err
		}
		return printSlowest(out, tests, shown)
	}
	if times == "" {
		return errors.New("give -times FILE or -list FILE")
	}
	file, err := os.OpenFile(times, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return newPrinter(out, file, slices.ContainsFunc(args, printsPassing)).read(in)
}
