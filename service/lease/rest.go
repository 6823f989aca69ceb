package lease

// Wake ends the rest of ranges whose time has come, and of those that went to
// rest in the future: the clock was set back, and nobody shall wait for that.
func (b *Bundle) Wake() {
	b.each(0, b.Tasks, func(r *Range) {
		if r.NotBefore != 0 && (r.NotBefore <= b.Now || r.Since > b.Now) {
			r.NotBefore = 0
		}
	}, nil)
}
