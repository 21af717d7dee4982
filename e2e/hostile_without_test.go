package e2e

// insideWithout names parts of the kernel that the world of a test does not have,
// as in containers and on older machines: "namespaces", "landlock".
const insideWithout = "LOCKKEEPER_TEST_INSIDE_WITHOUT"
