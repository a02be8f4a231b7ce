package main

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
)

// relay makes the local stack, which listens on loopback only, reachable from containers: it listens on the address that Docker's bridge has on
// this machine, which nobody outside can reach, and passes connections on. Where the bridge is inside a virtual machine (Docker Desktop),
// there is no such address here, and none is needed: there a name leads to the machine's loopback. It returns the endpoint for containers.
func relay(ctx context.Context, endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", err
	}
	bridge, err := output(ctx, "docker", "network", "inspect", "bridge", "--format", `{{index .Options "com.docker.network.bridge.name"}}`)
	if err != nil {
		return "", err
	}
	address, ok := addressOf(bridge)
	if !ok {
		return "http://" + net.JoinHostPort("host.docker.internal", u.Port()), nil
	}
	address, err = forward(ctx, net.JoinHostPort(address, "0"), u.Host)
	return "http://" + address, err
}

// addressOf is the IPv4 address of a network interface of this machine. It is never unspecified: the relay must not listen to everybody.
func addressOf(name string) (string, bool) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return "", false
	}
	addresses, err := i.Addrs()
	if err != nil {
		return "", false
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsUnspecified() {
			return n.IP.String(), true
		}
	}
	return "", false
}

// forward listens until ctx ends and passes each connection on to target. It returns the address that it listens on.
func forward(ctx context.Context, listen, target string) (string, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			go pass(c, target)
		}
	}()
	return l.Addr().String(), nil
}

// pass copies both ways until both sides have ended.
func pass(client net.Conn, target string) {
	defer client.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{server, client}, {client, server}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			if half, ok := way[0].(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite() // the other direction may go on
			}
		})
	}
	both.Wait()
}
