package osfs

// unsyncable is always true: Windows cannot sync directories, and its file
// systems journal renames themselves.
func unsyncable(error) bool { return true }
