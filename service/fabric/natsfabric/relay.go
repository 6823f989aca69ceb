package natsfabric

import "io"

// Most agents say and hear little at a time, and there are many: a connection
// that has nothing large to carry costs little memory.
const (
	leastBuffer = 1 << 10
	mostBuffer  = 32 << 10
	// calm is after how many reads in a row that filled no more than an eighth
	// of it a buffer is given back.
	calm = 64
)

// relay writes what it is given first, and then what it reads, until either
// fails. Its buffer grows while reads fill it, and shrinks when they do not.
func relay(from io.Reader, first []byte, write func([]byte) error) error {
	if len(first) > 0 {
		if err := write(first); err != nil {
			return err
		}
	}
	buffer, small := make([]byte, leastBuffer), 0
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if err := write(buffer[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return err //nolint:wrapcheck // the caller says what was done
		}
		if small++; n > len(buffer)/8 {
			small = 0
		}
		switch {
		case n == len(buffer) && n < mostBuffer:
			buffer = make([]byte, min(4*n, mostBuffer))
		case small == calm && len(buffer) > leastBuffer:
			buffer, small = make([]byte, leastBuffer), 0
		}
	}
}
