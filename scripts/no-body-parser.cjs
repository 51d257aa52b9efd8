// Stands in for body-parser in the bundle: express loads it at once, but the admin server takes no bodies, and its tables of
// character encodings cost half a megabyte of bundle and 1.6 MB of memory.
module.exports = {}
