package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// killPeer kills the process at the other end of a loopback connection to our port.
func killPeer(remote string, port int) error {
	_, text, err := net.SplitHostPort(remote)
	if err != nil {
		return err
	}
	peerPort, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	inode := socketInode(peerPort, port)
	if inode == "" || inode == "0" {
		return fmt.Errorf("no socket of port %d", peerPort)
	}
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return err
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == "socket:["+inode+"]" {
			pid, err := strconv.Atoi(strings.Split(link, "/")[2])
			if err != nil {
				return err
			}
			return syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return fmt.Errorf("no process has socket %s", inode)
}

// socketInode returns the inode of the socket that connects one local port to another, "" if there
// is none. The kernel lists addresses as hexadecimal ADDRESS:PORT: the local one is field 1, the
// remote one field 2, the inode field 9.
func socketInode(local, remote int) (inode string) {
	localSuffix, remoteSuffix := fmt.Sprintf(":%04X", local), fmt.Sprintf(":%04X", remote)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 9 && strings.HasSuffix(f[1], localSuffix) && strings.HasSuffix(f[2], remoteSuffix) {
				inode = f[9]
			}
		}
	}
	return inode
}

// killFunctions kills every function process of the stack behind an endpoint. The next invocation
// starts a new one.
func killFunctions(endpoint string) {
	for _, pid := range functionProcesses(endpoint) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// functionProcesses lists the function processes of the stack behind an endpoint. Their environment
// identifies them.
func functionProcesses(endpoint string) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(text, []byte("AWS_LAMBDA_RUNTIME_API=")) ||
			!bytes.Contains(text, []byte("AWS_ENDPOINT_URL="+endpoint+"\x00")) {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(file, "/")[2]); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
