// Package wire builds the dependencies that the functions' mains share: clients, secrets, keys and
// breakers, from the environment of the function. A main only connects them.
package wire
