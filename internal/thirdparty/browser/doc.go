// Package browser has the tests of the board and the example in a real browser: every
// button, both colour schemes, two widths, and axe-core's rules for accessibility. They
// need Chromium, and say so and are skipped where there is none.
package browser
