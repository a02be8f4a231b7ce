// Package baseline runs functions of the last release and today's on one table: functions are
// deployed one after the other, and a rollback runs old code for weeks. The tests build the release
// from this repository's history, give its functions documents of today with members that the
// release does not know, and the other way around.
//
// They need an emulator of DynamoDB, which `make test` starts; without one they skip themselves.
package baseline
