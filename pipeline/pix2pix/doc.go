// Package pix2pix edits pictures by text with Instruct-Pix2Pix (Brooks et al.,
// 2023). It hosts the four networks of a folder in the layout that diffusers'
// ONNX exports have: text encoder, UNet, VAE encoder and decoder. All that lies
// between them is here: tokens, schedules, guidance, noise.
//
//	prompt  → text encoder → hidden states               once for each session
//	picture → VAE encoder  → the picture's latents       once for each frame
//	noise   → UNet, step by step → clean latents         rows: prompt, picture, none
//	latents → VAE decoder  → the edited picture
//
// Sizes, names and types are read from the graphs and their configurations; a
// folder with another VAE or another number of latent channels needs no code.
//
// A schedule is a table: schedule.go has the one loop, the files of the solvers
// compute the numbers. Noise is tied to the canvas, see NoisePhilox.
package pix2pix
