package router

import (
	"fmt"
	"testing"
)

// BenchmarkQueue is what a task costs that waits among others.
func BenchmarkQueue(b *testing.B) {
	for _, waiting := range []int{100, 10_000, 1_000_000} {
		b.Run(fmt.Sprint(waiting, " waiting"), func(b *testing.B) {
			var q Queue[int]
			for i := range waiting {
				q.Push(Native, Turn{}, i)
			}
			b.ReportAllocs()
			for b.Loop() {
				taken := false
				q.Each(nobody, func(string, int, int) Step[int] {
					full := taken
					taken = true
					return Step[int]{Full: full, Tasks: 1}
				})
				q.Push(Native, Turn{}, 0)
			}
		})
	}
}
