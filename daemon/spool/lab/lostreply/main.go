// Command lostreply stands between NFS clients and their server and swallows the
// reply of some RENAME calls, as a network does that breaks at the wrong moment:
// the server did what was asked, and the client learns nothing. It then closes
// the connection, so that the client asks again. Each loss is a line on stderr.
package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"sync/atomic"
)

// Numbers of RFC 1813, RFC 5531 and RFC 7530.
const (
	nfsProgram   = 100003
	renameCallV3 = 14
	compoundV4   = 1
	renameOpV4   = 29
	lastFragment = 1 << 31
)

// maxRecord bounds a record of a peer that speaks something else.
const maxRecord = 64 << 20

func main() {
	listen := flag.String("listen", "127.0.0.1:2050", "`address` for clients")
	server := flag.String("server", "127.0.0.1:2049", "`address` of the server")
	every := flag.Int64("every", 100, "swallow the reply of every `N`th RENAME")
	flag.Parse()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	p := &proxy{server: *server, every: *every}
	for {
		c, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go p.serve(c)
	}
}

type proxy struct {
	server  string
	every   int64
	renames atomic.Int64
}

// serve passes records both ways until one side closes or a reply is lost.
func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return // the server restarts; the client tries again
	}
	defer server.Close()
	var lost sync.Map // xid of calls whose reply is to be swallowed
	go func() {
		defer client.Close()
		defer server.Close()
		_ = pass(server, client, func(call []byte) error { // ends when a side does
			if isRename(call) && p.renames.Add(1)%p.every == 0 {
				lost.Store(xid(call), true)
			}
			return nil
		})
	}()
	_ = pass(client, server, func(reply []byte) error {
		if _, swallow := lost.Load(xid(reply)); swallow {
			log.Printf("lost the reply of call %08x", xid(reply))
			return errLost
		}
		return nil
	})
}

var errLost = errors.New("reply lost")

// pass copies whole records from one side to the other; look may stop it.
func pass(to io.Writer, from io.Reader, look func(body []byte) error) error {
	for {
		record, body, err := readRecord(from)
		if err != nil {
			return err
		}
		if err := look(body); err != nil {
			return err
		}
		if _, err := to.Write(record); err != nil {
			return err
		}
	}
}

// readRecord reads one record of RFC 5531: fragments with a length each, the last
// of them marked. Record is what was read, body is without the marks.
func readRecord(r io.Reader) (record, body []byte, err error) {
	for last := false; !last; {
		var mark [4]byte
		if _, err := io.ReadFull(r, mark[:]); err != nil {
			return nil, nil, err
		}
		n := binary.BigEndian.Uint32(mark[:])
		last, n = n&lastFragment != 0, n&^lastFragment
		if int(n)+len(record) > maxRecord {
			return nil, nil, fmt.Errorf("a record of over %d bytes", maxRecord)
		}
		fragment := make([]byte, n)
		if _, err := io.ReadFull(r, fragment); err != nil {
			return nil, nil, err
		}
		record = append(append(record, mark[:]...), fragment...)
		body = append(body, fragment...)
	}
	return record, body, nil
}

// word returns the i-th 32-bit word of a record, 0 behind its end.
func word(b []byte, i int) uint32 {
	if len(b) < 4*i+4 {
		return 0
	}
	return binary.BigEndian.Uint32(b[4*i:])
}

func xid(b []byte) uint32 { return word(b, 0) }

// isRename reports whether a call renames: by its number in version 3, by one of
// its operations, which is followed by two names, in version 4.
func isRename(call []byte) bool {
	if word(call, 1) != 0 || word(call, 3) != nfsProgram {
		return false
	}
	switch version, procedure := word(call, 4), word(call, 5); {
	case version == 3:
		return procedure == renameCallV3
	case version != 4 || procedure != compoundV4:
		return false
	}
	for i := 6; 4*i < len(call); i++ {
		if word(call, i) != renameOpV4 {
			continue
		}
		rest, ok := skipName(call[4*i+4:])
		if !ok {
			continue
		}
		if _, ok := skipName(rest); ok {
			return true
		}
	}
	return false
}

// skipName reads a file's name in XDR: its length, its bytes, zeros to a word.
func skipName(b []byte) (rest []byte, ok bool) {
	n := int(word(b, 0))
	padded := (n + 3) &^ 3
	if n < 1 || n > 255 || len(b) < 4+padded {
		return nil, false
	}
	for i, c := range b[4 : 4+padded] {
		if i < n && (c < ' ' || c == '/') || i >= n && c != 0 {
			return nil, false
		}
	}
	return b[4+padded:], true
}
