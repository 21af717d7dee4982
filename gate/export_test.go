package gate

// For tests outside of the package.
const ActivityPages = activityPages
