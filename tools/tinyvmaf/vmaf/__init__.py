"""The real libvmaf: FFmpeg, media files, features, teachers, the domain of a teacher."""
