package lifecycle

// Class is what an exit's code asks for.
type Class uint8

// The classes of codes.
const (
	Bare Class = iota // the status alone
	Page              // a page says what went wrong
	Drop              // nothing more is sent: the connection or stream is cut
)

// ClientClosed is the code that an abort is recorded with.
const ClientClosed = 499

// ClassOf gives the class of a code.
func ClassOf(code int) Class {
	switch code {
	case -1, 408, 444, ClientClosed:
		return Drop
	}
	if code < 300 {
		return Bare
	}
	return Page
}
