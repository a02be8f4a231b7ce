// Command slowest stands behind `go test -json`: it prints what go test prints without it and keeps how long each
// test took; in the end it lists the slowest over all calls.
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

const shown = 10

func main() {
	times := flag.String("times", "", "the file to which the tests' times are added")
	list := flag.String("list", "", "only list the slowest of what is in this file")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(),
			"slowest -times FILE -- [arguments of go test], behind go test -json; slowest -list FILE")
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
		return errors.New("say -times FILE or -list FILE")
	}
	file, err := os.OpenFile(times, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return newPrinter(out, file, slices.ContainsFunc(args, showsAll)).read(in)
}
