//! What people look at: pictures of screens, compared with the committed ones. Only a software Vulkan (lavapipe) draws them: another
//! machine's run says that it skipped, unless `BOCAGE_PICTURES=required`.
