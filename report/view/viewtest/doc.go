// Package viewtest makes plans, applies and locks for tests of what people see.
package viewtest
